#include "owner_statement.hpp"

namespace interlock {

Parameter text_parameter(const char* text) {
    return {TEXTOID, text ? CStringGetTextDatum(text) : Datum{0}, text == nullptr};
}

Parameter int_parameter(std::optional<int32> value) {
    return {INT4OID, Int32GetDatum(value.value_or(0)), !value};
}

Parameter bool_parameter(std::optional<bool> value) {
    return {BOOLOID, BoolGetDatum(value.value_or(false)), !value};
}

int64 run_as_owner(const char* sql, std::span<const Parameter> parameters) {
    Oid types[8];
    Datum values[8];
    char nulls[8] = {};
    for (std::size_t i = 0; i < parameters.size(); i++) {
        types[i] = parameters[i].type;
        values[i] = parameters[i].value;
        nulls[i] = parameters[i].is_null ? 'n' : ' ';
    }
    int result = SPI_execute_with_args(sql, static_cast<int>(parameters.size()), types, values,
                                       nulls, false, 0);
    if (result < 0) elog(ERROR, "could not execute: %s", SPI_result_code_string(result));
    return static_cast<int64>(SPI_processed);
}

}  // namespace interlock
