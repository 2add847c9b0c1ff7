#pragma once

// The results, for people and for programs.

#include <string>
#include <vector>

#include "options.hpp"
#include "statistics.hpp"

namespace contend {

/// What is going to be run.
[[nodiscard]] std::string headline(const options& options);

/// One line for each outcome, under headings. Ends with a line break.
[[nodiscard]] std::string table(const std::vector<outcome>& outcomes);

/// What the table means, in whole sentences, one a line; failures too.
[[nodiscard]] std::string conclusions(const std::vector<outcome>& outcomes);

/// A JSON document, see README.md of this folder.
[[nodiscard]] std::string json(const options& options, const std::string& server_version,
                               const std::vector<outcome>& outcomes);

}  // namespace contend
