#include "checkout_key.hpp"

extern "C" {
#include <common/shortest_dec.h>
#include <utils/datetime.h>
}

namespace interlock {
namespace {

const char* output(Oid type, Datum value) {
    Oid function;
    bool is_varlena;
    getTypeOutputInfo(type, &function, &is_varlena);
    return OidOutputFunctionCall(function, value);
}

// The settings that text of values depends on, as pg_dump has them.
constexpr const char* settings[][2] = {{"datestyle", "ISO"},        {"intervalstyle", "postgres"},
                                       {"extra_float_digits", "3"}, {"bytea_output", "hex"},
                                       {"timezone", "UTC"},         {"lc_monetary", "C"},
                                       {"xmloption", "content"},    {"search_path", "pg_catalog"}};

const char* output_by_settings(Oid type, Datum value) {
    int level = NewGUCNestLevel();
    for (const auto& [name, setting] : settings)
        set_config_option(name, setting, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                          false);
    const char* text = output(type, value);
    AtEOXact_GUC(true, level);
    return text;
}

// Without the zeros that equal values may differ in.
const char* decimal(Datum value) {
    return numeric_normalize(DatumGetNumeric(value));
}

const char* floating(double value) {
    char* text = static_cast<char*>(palloc(DOUBLE_SHORTEST_DECIMAL_LEN));
    double_to_shortest_decimal_buf(value == 0 ? 0 : value, text);
    return text;
}

const char* date_time(Oid type, Datum value) {
    int utc = 0;
    char* text = static_cast<char*>(palloc(MAXDATELEN + 1));
    return JsonEncodeDateTime(text, value, type, type == TIMESTAMPTZOID ? &utc : nullptr);
}

// Without the blanks that it was padded with.
const char* unpadded(Datum value) {
    const text* padded = DatumGetBpCharPP(value);
    return text_to_cstring(cstring_to_text_with_len(
        VARDATA_ANY(padded),
        bpchartruelen(VARDATA_ANY(padded), static_cast<int>(VARSIZE_ANY_EXHDR(padded)))));
}

// As it is compared: a day has 24 hours, and a month 30 days.
Datum uniform(const Interval& interval) {
    if (is_infinite(interval)) return IntervalPGetDatum(&interval);
    int64 days =
        interval.month * int64{DAYS_PER_MONTH} + interval.day + interval.time / USECS_PER_DAY;
    int64 time = interval.time % USECS_PER_DAY;
    if (time < 0) {
        time += USECS_PER_DAY;
        days--;
    }
    auto* result = static_cast<Interval*>(palloc0(sizeof(Interval)));
    result->day = static_cast<int32>(days);
    result->time = time;
    if (result->day != days) return IntervalPGetDatum(&interval);
    return IntervalPGetDatum(result);
}

bool is_plain(Oid type) {
    switch (type) {
        case BOOLOID:
        case CHAROID:
        case NAMEOID:
        case TEXTOID:
        case VARCHAROID:
        case UUIDOID:
            return true;
        default:
            return type_is_enum(type);
    }
}

const char* text_of(Oid type, Datum value) {
    switch (type) {
        case NUMERICOID:
            return decimal(value);
        case BPCHAROID:
            return unpadded(value);
        case INTERVALOID:
            return output_by_settings(type, uniform(*DatumGetIntervalP(value)));
        case FLOAT4OID:
            return floating(static_cast<double>(DatumGetFloat4(value)));
        case FLOAT8OID:
            return floating(DatumGetFloat8(value));
        case DATEOID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
            return date_time(type, value);
        default:
            return is_plain(type) ? output(type, value) : output_by_settings(type, value);
    }
}

bool is_integer(Oid type) {
    return type == INT2OID || type == INT4OID || type == INT8OID || type == OIDOID;
}

bool has_one_text(Oid type, Oid collation) {
    switch (type) {
        case NUMERICOID:
        case FLOAT4OID:
        case FLOAT8OID:
        case DATEOID:
        case TIMEOID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
        case INTERVALOID:
        case BYTEAOID:
            return true;
        case TEXTOID:
        case VARCHAROID:
        case BPCHAROID:
            return get_collation_isdeterministic(collation);
        default:
            return is_integer(type) || is_plain(type);
    }
}

// A numeric or float can be NaN, which is no number in JSON.
bool is_json_number(Oid type, const char* text) {
    bool is_number = type == NUMERICOID || type == FLOAT4OID || type == FLOAT8OID;
    return is_number && text[strlen(text) - 1] >= '0' && text[strlen(text) - 1] <= '9';
}

void append_value(StringInfo json, Oid type, Datum value) {
    if (is_integer(type)) return appendStringInfoString(json, output(type, value));
    const char* text = text_of(type, value);
    if (is_json_number(type, text)) return appendStringInfoString(json, text);
    escape_json(json, text);
}

}  // namespace

std::string_view checkout_key(const KeyValues& key) {
    StringInfoData json;
    initStringInfo(&json);
    for (int i = 0; i < key.key->count; i++) {
        appendStringInfoString(&json, i == 0 ? "[" : ", ");
        append_value(&json, key.key->columns[i].type, key.values[i]);
    }
    appendStringInfoChar(&json, ']');
    return {json.data, static_cast<std::size_t>(json.len)};
}

bool has_one_text(const Key& key) {
    for (int i = 0; i < key.count; i++)
        if (!has_one_text(key.columns[i].type, key.columns[i].collation)) return false;
    return true;
}

}  // namespace interlock
