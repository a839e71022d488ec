// JSON text into Values, without ever holding a tree: nesting costs neither stack nor memory beyond one bit per level.
// Used inside conf only. Nothing here throws: nlohmann's SAX interface hands errors over as calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/load.h"
#include "conf/value.h"

namespace larder::conf {

// Reads a whole file's text into `config`. `name` stands for the file in errors. Errors beyond the first fifty are left
// out.
void read_file_text(std::string_view text, std::string_view name, Config& config, std::vector<Error>& errors);

// The text as one JSON value; nullopt when it is none. What is too deep for a Value stands in it as "an object" or "a
// list".
std::optional<Value> read_value(std::string_view text);

}  // namespace larder::conf
