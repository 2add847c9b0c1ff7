#include "connect.hpp"

#include <fmt/format.h>

#include "cannot_run.hpp"

namespace contend {

std::unique_ptr<pqxx::connection> connect_one(const options& options) try {
    auto connection = std::make_unique<pqxx::connection>(options.connection);
    pqxx::nontransaction tx{*connection};
    tx.exec(
        "SELECT set_config('application_name', 'contend', false) "
        "WHERE current_setting('application_name') = ''");
    return connection;
} catch (const std::exception& e) {
    throw cannot_run{fmt::format("cannot connect to PostgreSQL: {}", in_one_line(e))};
}

connections connect(const options& options) {
    connections all;
    try {
        while (all.size() < static_cast<std::size_t>(options.clients))
            all.push_back(connect_one(options));
    } catch (const cannot_run& e) {
        throw cannot_run{fmt::format("client {}: {}", all.size() + 1, e.what())};
    }
    return all;
}

}  // namespace contend
