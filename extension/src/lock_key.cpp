#include "lock_key.hpp"

#include "errors.hpp"
#include "siphash.hpp"

extern "C" {
#include <utils/uuid.h>
}

namespace interlock {
namespace {

constexpr int most_slots = 1000;

enum class Source { integer, numeric, text, uuid, other };

Source source_of(Oid type) {
    switch (type) {
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case OIDOID:
            return Source::integer;
        case NUMERICOID:
            return Source::numeric;
        case TEXTOID:
        case VARCHAROID:
        case BPCHAROID:
        case NAMEOID:
        case UNKNOWNOID:
        case CSTRINGOID:
            return Source::text;
        case UUIDOID:
            return Source::uuid;
        default:
            return Source::other;
    }
}

int64 integer_value(Oid type, Datum value) {
    switch (type) {
        case INT2OID:
            return DatumGetInt16(value);
        case INT4OID:
            return DatumGetInt32(value);
        case OIDOID:
            return DatumGetObjectId(value);
        default:
            return DatumGetInt64(value);
    }
}

[[noreturn]] void raise_unfit_type(const LockNamespace& entry, Oid type) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("lock namespace \"%s\" has keys of type %s, not %s", entry.name,
                           key_type_name(entry.key_type), format_type_be(type)),
                    errhint("Cast the key to %s.", key_type_name(entry.key_type))));
    pg_unreachable();
}

[[noreturn]] void raise_lossy(const LockNamespace& entry, Datum numeric) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("lock namespace \"%s\" has keys of type bigint, which cannot hold %s",
                    entry.name, DatumGetCString(DirectFunctionCall1(numeric_out, numeric)))));
    pg_unreachable();
}

// numeric_int8() rounds, and has another code for what is no number.
int64 integral_value(const LockNamespace& entry, Datum numeric) {
    Numeric number = DatumGetNumeric(numeric);
    if (numeric_is_nan(number) || numeric_is_inf(number)) raise_lossy(entry, numeric);
    Datum rounded = DirectFunctionCall1(numeric_int8, numeric);
    if (!DatumGetBool(
            DirectFunctionCall2(numeric_eq, numeric, DirectFunctionCall1(int8_numeric, rounded))))
        raise_lossy(entry, numeric);
    return DatumGetInt64(rounded);
}

// As the casts to text do: character(n) without its padding.
std::string_view text_value(Oid type, Datum value) {
    if (type == NAMEOID || type == UNKNOWNOID || type == CSTRINGOID) return DatumGetCString(value);
    text* packed = DatumGetTextPP(value);
    int size = static_cast<int>(VARSIZE_ANY_EXHDR(packed));
    if (type == BPCHAROID) size = bpchartruelen(VARDATA_ANY(packed), size);
    return {VARDATA_ANY(packed), static_cast<std::size_t>(size)};
}

std::string_view integer_text(int64 value) {
    char* buffer = static_cast<char*>(palloc(MAXINT8LEN + 1));
    int size = pg_lltoa(value, buffer);
    return {buffer, static_cast<std::size_t>(size)};
}

int64 parse_integer(std::string_view text) {
    char* copy = pnstrdup(text.data(), text.size());
    return DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(copy)));
}

LockKey integer_key(const LockNamespace& entry, Source source, Oid type, Datum value) {
    switch (source) {
        case Source::integer:
            return {static_cast<uint64>(integer_value(type, value)), {}};
        case Source::numeric:
            return {static_cast<uint64>(integral_value(entry, value)), {}};
        case Source::text:
            return {static_cast<uint64>(parse_integer(text_value(type, value))), {}};
        default:
            raise_unfit_type(entry, type);
    }
}

std::string_view uuid_text(Datum uuid) {
    return DatumGetCString(DirectFunctionCall1(uuid_out, uuid));
}

LockKey text_key(const LockNamespace& entry, Source source, Oid type, Datum value) {
    std::string_view text;
    switch (source) {
        case Source::integer:
            text = integer_text(integer_value(type, value));
            break;
        case Source::text:
            text = text_value(type, value);
            break;
        case Source::uuid:
            text = uuid_text(value);
            break;
        default:
            raise_unfit_type(entry, type);
    }
    return {SipHash::of(text.data(), text.size()), text};
}

LockKey uuid_key(const LockNamespace& entry, Source source, Oid type, Datum value) {
    if (source == Source::text) {
        std::string_view text = text_value(type, value);
        value = DirectFunctionCall1(uuid_in, CStringGetDatum(pnstrdup(text.data(), text.size())));
    } else if (source != Source::uuid) {
        raise_unfit_type(entry, type);
    }
    auto* bytes = reinterpret_cast<const char*>(DatumGetUUIDP(value)->data);
    return {SipHash::of(bytes, UUID_LEN), uuid_text(value)};
}

LockKey to_key(const LockNamespace& entry, Oid type, Datum value) {
    Source source = source_of(type);
    if (source == Source::other) {
        type = getBaseType(type);
        source = source_of(type);
    }
    switch (entry.key_type) {
        case LockKeyType::int8:
            return integer_key(entry, source, type, value);
        case LockKeyType::text:
            return text_key(entry, source, type, value);
        default:
            return uuid_key(entry, source, type, value);
    }
}

[[noreturn]] void raise_null_key() {
    ereport(ERROR,
            (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a lock's key cannot be null")));
    pg_unreachable();
}

}  // namespace

LockKey read_lock_key(FunctionCallInfo fcinfo, int number, const LockNamespace& entry) {
    if (PG_ARGISNULL(number)) raise_null_key();
    return to_key(entry, get_fn_expr_argtype(fcinfo->flinfo, number), PG_GETARG_DATUM(number));
}

std::span<LockKey> read_lock_keys(FunctionCallInfo fcinfo, int number, const LockNamespace& entry) {
    require_argument(fcinfo, number, "keys");
    ArrayType* array = PG_GETARG_ARRAYTYPE_P(number);
    Oid type = ARR_ELEMTYPE(array);
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(type, &length, &by_value, &alignment);
    Datum* values;
    bool* nulls;
    int count;
    deconstruct_array(array, type, length, by_value, alignment, &values, &nulls, &count);
    auto* keys = allocate_many<LockKey>(count);
    for (int i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (nulls[i]) raise_null_key();
        keys[i] = to_key(entry, type, values[i]);
    }
    return {keys, static_cast<std::size_t>(count)};
}

int read_slot_count(FunctionCallInfo fcinfo, int number) {
    require_argument(fcinfo, number, "slots");
    int count = PG_GETARG_INT32(number);
    if (count < 1 || count > most_slots)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"slots\" cannot be %d", count),
                 errhint("Allowed: 1 to %d.", most_slots)));
    return count;
}

uint64 slot_bits(const LockKey& key, int number) {
    char bytes[12];
    for (int i = 0; i < 8; i++)
        bytes[i] = static_cast<char>(key.bits >> (8 * i));
    for (int i = 0; i < 4; i++)
        bytes[8 + i] = static_cast<char>(number >> (8 * i));
    return SipHash::of(bytes, sizeof bytes);
}

const char* show_lock_key(const LockKey& key) {
    if (key.text.data() == nullptr) return psprintf(INT64_FORMAT, static_cast<int64>(key.bits));
    return psprintf("\"%s\"", clip(pnstrdup(key.text.data(), key.text.size()), shown_bytes));
}

const char* lock_key_json(const LockKey& key) {
    if (key.text.data() == nullptr) return show_lock_key(key);
    StringInfoData json;
    initStringInfo(&json);
    escape_json(&json, clip(pnstrdup(key.text.data(), key.text.size()), shown_bytes));
    return json.data;
}

}  // namespace interlock
