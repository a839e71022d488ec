#include "conf/reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace larder::conf {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostErrors = 50;

// All of nlohmann's scalar events as one.
class Events : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return on_scalar({Item::Type::Other, "null"}); }
  bool boolean(bool value) override { return on_scalar({Item::Type::Flag, value ? "true" : "false"}); }
  bool number_integer(number_integer_t value) override {
    return on_scalar({Item::Type::Number, std::to_string(value)});
  }
  bool number_unsigned(number_unsigned_t value) override {
    return on_scalar({Item::Type::Number, std::to_string(value), value});
  }
  bool number_float(number_float_t, const string_t& text) override { return on_scalar({Item::Type::Number, text}); }
  bool string(string_t& value) override { return on_scalar({Item::Type::Text, std::move(value)}); }
  bool binary(binary_t&) override { return false; }  // not in JSON text

 protected:
  // Each returns whether to read on.
  virtual bool on_scalar(Item item) = 0;
};

// One value out of its events. Of an object only its place in a list is kept; deeper containers are counted and left
// out, so that depth costs nothing.
class ValueBuilder {
 public:
  void put(Item item);
  void start_object();
  void start_array();
  void key(std::string name);
  void end_container();  // either kind
  // The value is whole: nothing is open.
  [[nodiscard]] bool is_complete() const { return in_ == In::Nothing && skipped_ == 0; }
  Value take() { return std::move(value_); }

 private:
  enum class In : std::uint8_t { Nothing, List, Object, MembersList };

  std::vector<Item>& list() { return std::get<std::vector<Item>>(value_); }
  Value& member() { return list().back().members.back().value; }
  void skip(const char* what) {
    put({Item::Type::Other, what});
    ++skipped_;
  }

  Value value_;
  In in_ = In::Nothing;
  std::size_t skipped_ = 0;  // open containers for which a Value has no place
};

void ValueBuilder::put(Item item) {
  if (skipped_ > 0) return;
  switch (in_) {
    case In::Nothing:
      value_ = std::move(item);
      return;
    case In::List:
      list().push_back(std::move(item));
      return;
    case In::Object:
      member() = std::move(item);
      return;
    case In::MembersList:
      std::get<std::vector<Item>>(member()).push_back(std::move(item));
  }
}

void ValueBuilder::start_object() {
  if (skipped_ == 0 && in_ == In::List) {
    Item object{Item::Type::Object, "an object"};
    list().push_back(std::move(object));
    in_ = In::Object;
  } else {
    skip("an object");
  }
}

void ValueBuilder::start_array() {
  if (skipped_ == 0 && in_ == In::Nothing) {
    value_ = std::vector<Item>{};
    in_ = In::List;
  } else if (skipped_ == 0 && in_ == In::Object) {
    member() = std::vector<Item>{};
    in_ = In::MembersList;
  } else {
    skip("a list");
  }
}

void ValueBuilder::key(std::string name) {
  if (skipped_ == 0) list().back().members.push_back({std::move(name), Item{}});
}

void ValueBuilder::end_container() {
  if (skipped_ > 0) {
    --skipped_;
  } else {
    in_ = in_ == In::MembersList ? In::Object : in_ == In::Object ? In::List : In::Nothing;
  }
}

class OneValue final : public Events {
 public:
  Value take() { return builder_.take(); }

  bool start_object(std::size_t) override {
    builder_.start_object();
    return true;
  }
  bool key(string_t& name) override {
    builder_.key(std::move(name));
    return true;
  }
  bool end_object() override { return end_array(); }
  bool start_array(std::size_t) override {
    builder_.start_array();
    return true;
  }
  bool end_array() override {
    builder_.end_container();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 protected:
  bool on_scalar(Item item) override {
    builder_.put(std::move(item));
    return true;
  }

 private:
  ValueBuilder builder_;
};

// Follows the text down the sections of the schema and assigns each key's value as soon as it is complete.
class FileReader final : public Events {
 public:
  FileReader(std::string_view text, std::string_view name, Config& config, std::vector<Error>& errors)
      : text_(text), name_(name), config_(config), errors_(errors) {}

  bool start_object(std::size_t) override {
    if (skipped_ > 0 || (begun_ && !inside_ && meaning_ != Meaning::Section && meaning_ != Meaning::Leaf))
      return skip_container("an object");
    if (inside_ || meaning_ == Meaning::Leaf) {
      builder_.start_object();
      return after_event();
    }
    if (begun_) sections_.push_back(dotted_);
    begun_ = true;
    return true;
  }
  bool end_object() override {
    if (skipped_ > 0 || inside_) return end_container();
    if (!sections_.empty()) sections_.pop_back();
    return true;
  }
  bool key(string_t& name) override {
    if (skipped_ > 0) return true;
    if (inside_) {
      builder_.key(std::move(name));
      return true;
    }
    resolve(name);
    return errors_.size() < kMostErrors;
  }
  bool start_array(std::size_t) override {
    if (skipped_ > 0 || (!inside_ && meaning_ != Meaning::Leaf)) return skip_container("a list");
    builder_.start_array();
    return after_event();
  }
  bool end_array() override { return end_container(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override;

 protected:
  bool on_scalar(Item item) override {
    if (skipped_ > 0) return true;
    builder_.put(std::move(item));
    return after_event();
  }

 private:
  enum class Meaning : std::uint8_t { Nothing, Section, Leaf, Unknown };  // of the name last read

  void resolve(const std::string& name);
  std::string pointer_to(std::string_view name) const;
  std::string unknown(const std::string& name, std::string_view section) const;

  // The insides of a value that has no place: its begin and end are counted, so that depth costs nothing.
  bool skip_container(const char* what) { return skipped_++ > 0 || put(Item{Item::Type::Other, what}); }
  bool end_container() {
    if (skipped_ > 0) {
      --skipped_;
      return true;
    }
    builder_.end_container();
    return after_event();
  }
  bool after_event() {
    inside_ = !builder_.is_complete();
    return inside_ || put(builder_.take());
  }
  bool put(const Value& value);
  bool complain(std::string where, std::string expected) {
    errors_.push_back({std::string(name_) + ": " + std::move(where), std::move(expected)});
    return errors_.size() < kMostErrors;
  }

  std::string_view text_, name_;
  Config& config_;
  std::vector<Error>& errors_;

  bool begun_ = false;                 // the outermost object was opened
  std::vector<std::string> sections_;  // those that are open, in dotted form
  std::set<std::string> seen_;         // known names so far, in dotted form
  Meaning meaning_ = Meaning::Nothing;
  std::string dotted_, pointer_;  // of the name last read
  std::size_t skipped_ = 0;       // open containers inside a value that has no place
  bool inside_ = false;           // a list that is a key's value is open
  ValueBuilder builder_;
};

std::string FileReader::pointer_to(std::string_view name) const {
  std::string out;
  if (!sections_.empty()) {
    out = "/" + sections_.back();
    std::replace(out.begin(), out.end(), '.', '/');
  }
  return out + pointer_part(name);
}

std::string FileReader::unknown(const std::string& name, std::string_view section) const {
  std::string out = "a known key";
  if (section.empty() && find_key(name) != nullptr) {  // the dotted form is for --set
    return out + "; sections are objects in a file: {\"" + name.substr(0, name.find('.')) + "\": {...}}";
  }
  const std::string whole = section.empty() ? name : std::string(section) + "." + name;
  if (const auto near = nearest(whole); !near.empty()) {
    std::string path = pointer_part(near);
    std::replace(path.begin(), path.end(), '.', '/');
    return out + "; did you mean " + path + "?";
  }
  return out + ", one of " + members_of(section);
}

void FileReader::resolve(const std::string& name) {
  const std::string section = sections_.empty() ? "" : sections_.back();
  pointer_ = pointer_to(name);
  dotted_ = section.empty() ? name : section + "." + name;
  const bool plain = name.find('.') == std::string::npos;
  meaning_ = plain && find_key(dotted_) != nullptr ? Meaning::Leaf
             : plain && is_section(dotted_)        ? Meaning::Section
                                                   : Meaning::Unknown;
  if (meaning_ == Meaning::Unknown) {
    complain(pointer_, unknown(name, section));
  } else if (!seen_.insert(dotted_).second) {
    complain(pointer_, "each key once; this one is repeated");
  }
}

// Assigns the value of the name last read.
bool FileReader::put(const Value& value) {
  switch (meaning_) {
    case Meaning::Unknown:
      return true;  // said already
    case Meaning::Nothing:
      errors_.push_back({std::string(name_), "an object with the keys " + members_of("") + ", not " + shown(value)});
      return false;
    case Meaning::Section:
      return complain(pointer_, "an object with the keys " + members_of(dotted_) + ", not " + shown(value));
    case Meaning::Leaf:
      break;
  }
  const Key& key = *find_key(dotted_);
  for (auto& fault : assign(key.shape(), value, key.slot(config_))) {
    if (!complain(pointer_ + fault.place, std::move(fault.expected))) return false;
  }
  return true;
}

bool FileReader::parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
  const std::size_t at = std::min(position == 0 ? 0 : position - 1, text_.size());
  const auto before = text_.substr(0, at);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto column = 1 + at - (before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1);
  std::string expected = "JSON";
  if (at < text_.size() && (text_[at] == '/' || text_[at] == '#')) {
    expected += " without comments";
  } else if (at == text_.size()) {
    expected += ", but it ends too early";
  } else if (error.id == 406) {
    expected += " with numbers that a computer can hold";
  } else {
    // Of "[json.exception...] parse error at line 1, column 2: syntax error while parsing value - invalid literal; last
    // read: '...'" only the middle is news: the place is said already, and what was read may hold control characters.
    std::string_view why = error.what();
    const auto from = why.find(" - ");
    if (from != std::string_view::npos) why = why.substr(from + 3);
    why = why.substr(0, why.find(';'));
    expected.append(", but: ").append(why);
  }
  errors_.push_back(
      {std::string(name_) + ":" + std::to_string(line) + ":" + std::to_string(column), std::move(expected)});
  return false;
}

}  // namespace

void read_file_text(std::string_view text, std::string_view name, Config& config, std::vector<Error>& errors) {
  FileReader reader(text, name, config, errors);
  Json::sax_parse(text.begin(), text.end(), &reader);
}

std::optional<Value> read_value(std::string_view text) {
  OneValue reader;
  return Json::sax_parse(text.begin(), text.end(), &reader) ? std::optional(reader.take()) : std::nullopt;
}

}  // namespace larder::conf
