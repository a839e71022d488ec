// Structured Fields (RFC 8941): a Dictionary (section 3.2), read as strictly as section 4.2 asks. Views into the field
// lines, which must outlive them; pure; nothing here allocates, and the work is linear in the text.
#pragma once

#include <cstdint>
#include <string_view>

#include "cache/http/fields.h"

namespace larder::http {

// The value of a member, without its parameters. A member without "=" is a Boolean, true (section 3.2).
struct BareItem {
  enum class Kind : std::uint8_t {
    Integer,  // section 3.3.1
    Decimal,  // section 3.3.2
    String,   // section 3.3.3
    Token,    // section 3.3.4
    Boolean,  // section 3.3.6
    Other,    // an inner list (section 3.1.1) or a byte sequence (section 3.3.5): checked, but not handed out
  };
  Kind kind = Kind::Other;
  bool boolean = false;     // of a Boolean
  std::int64_t number = 0;  // of an Integer; of a Decimal in thousandths: it has no more than three decimals
  std::string_view text;    // of a Token; of a String what stands between its quotes, backslashes as received
  bool operator==(const BareItem&) const = default;
};

// Walks the members of the dictionary in all field lines of one name (compared without regard to case), in order.
// Parameters (section 3.1.2) are checked and passed over. An absent or empty field is a dictionary without members.
//
// A malformed field is to be ignored whole (section 4.2): what a walk has handed out counts only when it came to its
// end and is_malformed() is false. Of two members with the same key the later one counts alone (section 4.2.2): also to
// the caller, who keeps what he needs of each.
//
// Lines are joined by a comma (section 4.2), so an empty line beside others is an empty member, and malformed. So is a
// String that begins in one line and ends in another, which a parser may refuse. The types that RFC 9651 added later
// (Date, Display String) are malformed here: fields defined over RFC 8941 do not have them.
//   Dictionary d(fields, "CDN-Cache-Control"); while (d.next()) use(d.key(), d.item()); if (d.is_malformed()) ...
class Dictionary {
 public:
  // Both must outlive the walk.
  Dictionary(FieldSpan fields, std::string_view name) : fields_(fields), name_(name) {}
  bool next();
  [[nodiscard]] std::string_view key() const { return key_; }  // never empty, without upper case
  [[nodiscard]] const BareItem& item() const { return item_; }
  [[nodiscard]] bool is_malformed() const { return malformed_; }

 private:
  bool open_line();
  bool take_member();

  FieldSpan fields_;  // those behind the current line
  std::string_view name_;
  std::string_view rest_;  // of the current line, from the next member on
  std::string_view key_;
  BareItem item_;
  bool malformed_ = false;
};

}  // namespace larder::http
