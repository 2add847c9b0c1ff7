/// What a function that may run its body, or not, returns.
#pragma once

#include <optional>

namespace interlock::detail {

/// The body's result if it ran; of one that returns nothing, whether it ran.
template <class Result>
struct body_result {
    using type = std::optional<Result>;
};
template <>
struct body_result<void> {
    using type = bool;
};

}  // namespace interlock::detail
