// A version as a number and as a value of its column.
#pragma once

#include "table.hpp"

namespace interlock {

inline int64 version_number(VersionKind kind, Datum value) {
    switch (kind) {
        case VersionKind::int2:
            return DatumGetInt16(value);
        case VersionKind::int4:
            return DatumGetInt32(value);
        default:
            return DatumGetInt64(value);
    }
}

inline Datum version_datum(VersionKind kind, int64 version) {
    switch (kind) {
        case VersionKind::int2:
            return Int16GetDatum(static_cast<int16>(version));
        case VersionKind::int4:
            return Int32GetDatum(static_cast<int32>(version));
        default:
            return Int64GetDatum(version);
    }
}

inline int64 largest_version(VersionKind kind) {
    switch (kind) {
        case VersionKind::int2:
            return PG_INT16_MAX;
        case VersionKind::int4:
            return PG_INT32_MAX;
        default:
            return PG_INT64_MAX;
    }
}

}  // namespace interlock
