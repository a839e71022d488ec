#!/usr/bin/env bash
# The laws of the house that a compiler does not keep (shared/design.md section 2): who may include what.
# Prints each breach and, last, 'N passed, N failed'.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

passed=0
failed=0

# law NAME PATTERN PLACE...: no line in these places may match (an extended regular expression).
law() {
  local name=$1 pattern=$2 found
  shift 2
  found=$(grep -rnE --include='*.h' --include='*.cc' -- "$pattern" "$@" || [[ $? == 1 ]])
  if [[ -z $found ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'broken: %s\n%s\n' "$name" "$found"
  fi
}

# only NAME PATTERN ROOM: a line that matches may stand in this room alone (tests aside).
only() {
  local name=$1 pattern=$2 room=$3 found
  found=$(grep -rnE --include='*.h' --include='*.cc' -- "$pattern" cache conf metrics proxy | grep -v "^$room/" || [[ $? == 1 ]])
  if [[ -z $found ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'broken: %s\n%s\n' "$name" "$found"
  fi
}

ours='#[[:space:]]*include[[:space:]]*"'

law 'cache never includes proxy, conf or metrics' "$ours(proxy|conf|metrics)/" cache
law 'cache/http includes nothing of ours but itself' "$ours(cache/(policy|store)|proxy|conf|metrics)/" cache/http
law 'cache/policy includes no store' "$ours""cache/store/" cache/policy
law 'conf includes nothing of ours but itself' "$ours(cache|proxy|metrics)/" conf
law 'metrics includes nothing of ours but cache/policy and cache/http' "$ours(cache/store|proxy|conf)/" metrics
law 'proxy/net includes nothing of ours but itself' "$ours(cache|conf|metrics|proxy/(wire|origin|client|access|admin))/" proxy/net
law 'proxy/wire includes nothing of ours but cache/http' "$ours(cache/(policy|store)|conf|metrics|proxy/(net|origin|client|access|admin))/" proxy/wire
law 'proxy/access knows neither clients nor origins' "$ours""proxy/(origin|client|admin)/" proxy/access
law 'proxy/origin knows no client' "$ours""proxy/(client|admin)/" proxy/origin
law 'proxy/admin knows no client and no origin connection' "$ours""proxy/(client|origin)/" proxy/admin
law 'a Transaction never talks to an origin: no pool' "$ours""proxy/origin/pool\.h" proxy/client/transaction.h proxy/client/transaction*.cc
law 'cache/policy and cache/http see no socket, file, thread or log' \
  '#[[:space:]]*include[[:space:]]*<(sys/|netinet/|arpa/|unistd\.h|fcntl\.h|fstream|iostream|cstdio|stdio\.h|thread|mutex|atomic|filesystem)' cache/policy cache/http
law 'cache/policy and cache/http see no clock' '(system_clock|steady_clock)::now|\b(time|gettimeofday|clock_gettime)\(' cache/policy cache/http
law 'everything is included by its full path' "$ours[^/\"]+\"" cache conf metrics proxy
# (cache/http throws in its constexpr tables only, which is an error of the compilation.)
law 'no exception is thrown on the way of a request' '\bthrow\b[^;]*;' cache/policy proxy/wire proxy/origin proxy/client proxy/admin proxy/access
law 'no assert on what a peer may send' '#[[:space:]]*include[[:space:]]*<(cassert|assert\.h)>' proxy/wire cache/http
law 'nothing is left to be done' '\b(TODO|FIXME|XXX)\b' cache conf metrics proxy
law 'evhttp stays out of the house' 'evhttp|event2/http' cache conf metrics proxy

include_of='#[[:space:]]*include[[:space:]]*<'
only 'libevent is seen by proxy/net alone' "$include_of""(event2/|event\.h|evdns|evutil)" proxy/net
only 'prometheus-cpp is seen by metrics alone' "$include_of""prometheus/" metrics
only 'nlohmann_json is seen by conf alone' "$include_of""nlohmann/" conf

long=$(find cache conf metrics proxy test -name '*.cc' -o -name '*.h' | xargs wc -l | awk '$2 != "total" && $1 > 500')
if [[ -z $long ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); printf 'broken: no file is longer than 500 lines\n%s\n' "$long"; fi

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
