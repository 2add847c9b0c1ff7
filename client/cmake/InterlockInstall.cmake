# Installs library, headers, the CMake package "interlock" and interlock.pc.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/interlock)

# The .pc file finds its prefix from where it lies, so that an installation can be moved.
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH interlock_pc_prefix /prefix/${pc_dir} /prefix)

configure_package_config_file(cmake/interlockConfig.cmake.in
    ${CMAKE_CURRENT_BINARY_DIR}/interlockConfig.cmake
    INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/interlockConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
configure_file(cmake/interlock.pc.in ${CMAKE_CURRENT_BINARY_DIR}/interlock.pc @ONLY)

install(TARGETS interlock EXPORT interlockTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/interlock DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT interlockTargets NAMESPACE interlock:: DESTINATION ${package_dir})
install(FILES
    ${CMAKE_CURRENT_BINARY_DIR}/interlockConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/interlockConfigVersion.cmake
    ${CMAKE_CURRENT_SOURCE_DIR}/cmake/InterlockPqxx.cmake
    DESTINATION ${package_dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/interlock.pc
    DESTINATION ${pc_dir})
