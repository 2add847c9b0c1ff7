// Many rows by version in one statement.

#include <stdexcept>

#include "call.hpp"
#include "interlock/versioning.hpp"
#include "outcome.hpp"
#include "text.hpp"

namespace interlock {
namespace {

// The server wants each row as one object of key, version and changes. The names of the first two
// are in the catalogs, so it is there that the objects are put together. They come as arrays, each
// JSON text a value of its own: joined to one text here, one of them could break out of its row.
//
// Changes that hold the key or the version would replace what the caller gives as such, or be
// replaced by it. Then nothing is called, and column 5 is the number of the first such row.
const statement update_many{"interlock_update_many", R"(
    WITH named AS MATERIALIZED (
        SELECT ARRAY(
                   SELECT a.attname::pg_catalog.text
                     FROM pg_catalog.pg_index AS i
                     JOIN pg_catalog.pg_attribute AS a
                       ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid
                      AND a.attnum OPERATOR(pg_catalog.=)
                          ANY ((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1])
                    WHERE i.indrelid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass
                      AND i.indisprimary) AS key_columns,
               coalesce((
                   SELECT a.attname::pg_catalog.text
                     FROM pg_catalog.pg_trigger AS t
                     JOIN pg_catalog.pg_attribute AS a
                       ON a.attrelid OPERATOR(pg_catalog.=) t.tgrelid
                      AND a.attnum OPERATOR(pg_catalog.=) t.tgattr[0]
                    WHERE t.tgrelid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass
                      AND t.tgfoid OPERATOR(pg_catalog.=)
                          'interlock.version_column()'::pg_catalog.regprocedure
                    LIMIT 1), 'version') AS version
    ), sent AS MATERIALIZED (
        SELECT u.place, u.changes::pg_catalog.jsonb AS changes, u.expected,
               CASE WHEN u.named OR pg_catalog.cardinality(n.key_columns) OPERATOR(pg_catalog.<>) 1
                    THEN u.key::pg_catalog.jsonb
                    ELSE pg_catalog.jsonb_build_object(n.key_columns[1], u.key)
               END AS key
          FROM named AS n
         CROSS JOIN ROWS FROM (
               pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.bool[]),
               pg_catalog.unnest($4::pg_catalog.int8[]), pg_catalog.unnest($5::pg_catalog.text[]))
               WITH ORDINALITY AS u (key, named, expected, changes, place)
    ), batch AS MATERIALIZED (
        SELECT pg_catalog.min(s.place) FILTER (WHERE pg_catalog.jsonb_exists_any(
                   s.changes, pg_catalog.array_append(n.key_columns, n.version))) AS wrong,
               coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_concat(
                   pg_catalog.jsonb_concat(s.changes, s.key),
                   pg_catalog.jsonb_build_object(n.version, s.expected)) ORDER BY s.place),
                   '[]') AS rows
          FROM sent AS s CROSS JOIN named AS n
    )
    SELECT r.status::pg_catalog.text, r.version, r.current, r.conflicts, r.key, NULL
      FROM batch AS b
     CROSS JOIN LATERAL interlock.try_versioned_update_many(
               $1::pg_catalog.regclass, b.rows, $6::pg_catalog.bool) AS r
     WHERE b.wrong IS NULL
     UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, b.wrong FROM batch AS b WHERE b.wrong IS NOT NULL)"};

std::vector<bridge::parameter> parameters(std::string_view table,
                                          const std::vector<row_update>& rows, batch_mode mode) {
    std::vector<std::string> keys, named, expected, changes;
    for (const auto& row : rows) {
        keys.push_back(row.key.text());
        named.push_back(row.key.composite() ? "t" : "f");
        expected.push_back(std::to_string(row.expected));
        changes.push_back(without_zero_bytes(row.changes, "changes"));
    }
    return {without_zero_bytes(table, "table"),
            array_literal(keys),
            array_literal(named),
            array_literal(expected),
            array_literal(changes),
            mode == batch_mode::partial ? "t" : "f"};
}

void add_failure(batch_refused::failures& failed, const row_result& row, std::string_view table) {
    auto details = details_of(row.result, table, row.key.text(), {});
    switch (row.result.status) {
        case write_status::stale:
            return failed.stale.push_back(std::move(details));
        case write_status::missing:
            return failed.missing.push_back(std::move(details));
        case write_status::rejected:
            return failed.rejected.push_back(std::move(details));
        default:
            return;
    }
}

}  // namespace

std::vector<row_result> try_versioned_update_many(pqxx::transaction_base& tx,
                                                  std::string_view table,
                                                  const std::vector<row_update>& rows,
                                                  batch_mode mode) {
    auto r = call(tx, update_many, parameters(table, rows, mode));
    std::vector<row_result> results;
    for (int i = 0; i < static_cast<int>(r.size()); ++i) {
        if (!r[i][5].is_null())
            throw std::invalid_argument{"the changes of row " + r[i][5].as<std::string>() +
                                        " of the batch hold a column of its key, or the version"};
        results.push_back({key::json(r[i][4].as<std::string>()), read_result(r, i)});
    }
    return results;
}

std::vector<row_version> versioned_update_many(pqxx::transaction_base& tx, std::string_view table,
                                               const std::vector<row_update>& rows) {
    auto results = try_versioned_update_many(tx, table, rows);
    std::vector<row_version> versions;
    batch_refused::failures failed;
    for (auto& row : results) {
        if (row.result.ok())
            versions.push_back({std::move(row.key), row.result.version.value()});
        else
            add_failure(failed, row, table);
    }
    if (versions.size() < results.size())
        throw batch_refused{std::string{table}, results.size(), std::move(failed)};
    return versions;
}

}  // namespace interlock
