// Fills a folder of the disk tier with small objects, as fast as it takes them: fill FOLDER OBJECTS BYTES.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "cache/store/disk/disk.h"
#include "cache/store/store.h"

namespace larder::store {
namespace {

Ref<Object> make(Store& store, std::size_t number, const std::string& content) {
  const std::string key = "http://origin.example/packages/" + std::to_string(number) + "/archive.tar.gz";
  auto object = make_ref<Object>(key, store.hash(key));
  auto head = make_ref<Head>();
  head->status = 200;
  head->block =
      "HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nCache-Control: max-age=86400\r\n"
      "Last-Modified: Tue, 24 Nov 2026 09:00:00 GMT\r\nETag: \"" +
      std::to_string(number) + "\"\r\n";
  head->meta.freshness_lifetime = http::Seconds(86400);
  head->meta.response_time = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  head->meta.request_time = head->meta.response_time;
  head->meta.date_value = head->meta.response_time;
  head->shareable = true;
  head->store_reason = policy::Reason::Stored;
  auto body = make_ref<Body>();
  body->size = content.size();
  body->chunks.push_back(Chunk::make(content.size()));
  content.copy(body->chunks.front()->data(), content.size());
  object->complete_with(head, std::move(body));
  return object;
}

int fill(const std::string& folder, std::size_t objects, std::size_t bytes) {
  disk::Options options;
  options.path = folder;
  options.size = std::uint64_t{1} << 40;
  options.segment_size = 64 << 20;
  options.say = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  auto opened = Disk::open(options, 1);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().text.c_str());
    return 1;
  }
  Store store(0, opened->get());
  const std::string content(bytes, 'x');
  const auto began = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < objects; ++i) {
    (*opened)->store(make(store, i, content));
    if (i % 1000 == 999) (*opened)->flush();  // never more than it takes
  }
  (*opened)->flush();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto stats = (*opened)->stats();
  std::printf("stored %llu objects of %zu bytes in %.1f s: %.0f a second\n",
              static_cast<unsigned long long>(stats.stored), bytes, took.count(),
              static_cast<double>(stats.stored) / took.count());
  return stats.stored == objects ? 0 : 1;
}

}  // namespace
}  // namespace larder::store

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: fill FOLDER OBJECTS BYTES\n");
    return 2;
  }
  return larder::store::fill(argv[1], std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10));
}
