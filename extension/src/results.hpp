// The values that functions return: labels of enums, and composites.
#pragma once

#include "postgres.hpp"

namespace interlock {

constexpr int most_labels = 9;

// The labels of an SQL enum, by the numbers of a C++ one. Their OIDs are kept until an enum
// changes.
struct EnumLabels {
    const char* names[most_labels];
    Oid type;
    uint64 generation;
    Oid oids[most_labels];
};

// A value of the enum; the type is the column's that takes it.
Datum enum_datum(EnumLabels& labels, Oid type, int number);

// The row type that the function is declared to return, until make_result() makes a value of it.
TupleDesc result_type(FunctionCallInfo fcinfo);
Datum make_result(TupleDesc type, Datum* values, bool* nulls);

}  // namespace interlock
