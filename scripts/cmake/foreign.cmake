# The libraries of the system, for all folders. Which folder may see which one stands in the
# folder's own CMakeLists.txt.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(hdf5 REQUIRED QUIET IMPORTED_TARGET hdf5-serial)
pkg_check_modules(xxhash REQUIRED QUIET IMPORTED_TARGET libxxhash)
pkg_check_modules(zstd REQUIRED QUIET IMPORTED_TARGET libzstd)
pkg_check_modules(pcre2 REQUIRED QUIET IMPORTED_TARGET libpcre2-8)
pkg_check_modules(utf8proc REQUIRED QUIET IMPORTED_TARGET libutf8proc)
