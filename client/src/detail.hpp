#pragma once

#include <string_view>

#include "interlock/error.hpp"

namespace interlock {

// The server's errors of class IL, and its 55P03, have one JSON object for their DETAIL. libpqxx
// hands on no such field, but libpq puts it into the message as a line of its own, unless the
// connection's verbosity is terse. Nothing found, nothing told.
write_details write_details_in(std::string_view message);
lock_details lock_details_in(std::string_view message);
lease_details lease_details_in(std::string_view message);
claim_details claim_details_in(std::string_view message);

// The same from such an object.
lock_details read_lock_details(std::string_view object);

}  // namespace interlock
