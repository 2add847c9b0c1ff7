// Statements on our own tables. Nobody has rights on them: C++ code judges its caller, and then
// runs the statement as their owner, who cannot become the caller again.
#pragma once

#include "owner.hpp"

#include <optional>

namespace interlock {

// Runs `body` as the owner of the table, with an SPI connection.
template <typename Body>
void as_owner_of(Oid relid, Body body) {
    Relation relation = table_open(relid, RowExclusiveLock);
    as_owner(relation, [&] {
        SPI_connect();
        body();
        SPI_finish();
    });
    table_close(relation, NoLock);
}

struct Parameter {
    Oid type;
    Datum value;
    bool is_null;
};

Parameter text_parameter(const char* text);  // or null
Parameter int_parameter(std::optional<int32> value);
Parameter bool_parameter(std::optional<bool> value);

// Inside as_owner_of(): how many rows there were. At most eight parameters.
int64 run_as_owner(const char* sql, std::span<const Parameter> parameters);

}  // namespace interlock
