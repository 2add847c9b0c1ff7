#include "trigger_row.hpp"

namespace interlock {
namespace {

// Two on-disk TOAST pointers to the same value need not be followed.
bool same_toast_pointer(const Column& column, Datum left, Datum right) {
    if (column.length != -1) return false;
    auto* a = reinterpret_cast<varlena*>(DatumGetPointer(left));
    auto* b = reinterpret_cast<varlena*>(DatumGetPointer(right));
    return VARATT_IS_EXTERNAL_ONDISK(a) && VARATT_IS_EXTERNAL_ONDISK(b) &&
           memcmp(a, b, VARSIZE_EXTERNAL(a)) == 0;
}

bool column_changed(const RowChange& change, const Column& column) {
    bool old_null, new_null;
    Datum before = slot_getattr(change.old_row, column.attno, &old_null);
    Datum after = slot_getattr(change.new_row, column.attno, &new_null);
    if (!old_null && !new_null && same_toast_pointer(column, before, after)) return false;
    return !same_value(column, before, old_null, after, new_null);
}

bool is_looked_at(const RowChange& change, const Column& column) {
    return column.attno != change.version && !bms_is_member(column.attno, change.except);
}

// Stored generated columns are still NULL in the new row; they follow from the others.
bool counts_as_change(const RowChange& change, const Column& column) {
    return !column.dropped && !column.generated && is_looked_at(change, column) &&
           column_changed(change, column);
}

bool any_column_changed(const RowChange& change) {
    for (int i = 0; i < change.table.column_count; i++)
        if (counts_as_change(change, change.table.columns[i])) return true;
    return false;
}

template <typename Predicate>
bool any_set_column(const RowChange& change, Predicate predicate) {
    int member = -1;
    while ((member = bms_next_member(change.data->tg_updatedcols, member)) >= 0) {
        int attno = member + FirstLowInvalidHeapAttributeNumber;
        if (attno > 0 && predicate(change.table.column(static_cast<AttrNumber>(attno))))
            return true;
    }
    return false;
}

// Where no other trigger can have touched the new row, only the SET list can have changed it.
bool set_column_changed(const RowChange& change) {
    return any_set_column(change,
                          [&](const Column& column) { return counts_as_change(change, column); });
}

// PostgreSQL counts generated columns among those that are set.
bool sets_unreadable_column(const RowChange& change) {
    return any_set_column(change, [&](const Column& column) {
        return !column.generated && is_looked_at(change, column) &&
               !may_select_through(change.table.relid, column.attno);
    });
}

bool may_report_key(const Table& table) {
    for (int i = 0; i < table.key.count; i++)
        if (!may_report(table.relid, table.key.columns[i].attno)) return false;
    return true;
}

}  // namespace

bool row_changed(const RowChange& change) {
    bool changed =
        change.only_set_columns ? set_column_changed(change) : any_column_changed(change);
    return changed || sets_unreadable_column(change);
}

RowReport report_row(Relation relation, Table& table, TupleTableSlot* row) {
    RowReport report = {relation, nullptr, nullptr, {}, {}, NIL};
    KeyValues key;
    if (!may_report_key(table) || !read_key(table, row, key)) return report;
    report.key_text = key_text(table, key);
    report.key_json = key_json(table, key);
    return report;
}

}  // namespace interlock
