# The version is written once, in version.hpp.
function(interlock_read_version result)
    file(STRINGS "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../include/interlock/version.hpp" lines
        REGEX "^#define INTERLOCK_VERSION_[A-Z]+ [0-9]+$")
    list(TRANSFORM lines REPLACE "^#define INTERLOCK_VERSION_[A-Z]+ " "")
    list(JOIN lines "." version)
    set(${result} "${version}" PARENT_SCOPE)
endfunction()
