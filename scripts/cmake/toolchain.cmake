# How every file is compiled and linked.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Assertions stay on in a release: they are cheap beside matrix products, and a wrong number is
# dear.
set(CMAKE_CXX_FLAGS_RELEASE "-O3")
# g++ 12 raises two false alarms at -O3: fmt::join writes beyond a fill character, and "text" +
# string overlaps itself (its bug 105651).
set(warnings -Wall -Wextra -Werror -Wno-stringop-overflow -Wno-restrict)
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${warnings}>")

# ccache shares its hits between clones in different folders: paths are made relative to the source
# tree.
find_program(STRATA_CCACHE ccache)
if(STRATA_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${STRATA_CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

find_program(STRATA_MOLD mold)
if(STRATA_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
# DT_RPATH, not DT_RUNPATH: LibTorch's own dependencies are searched through the binary's path too.
add_link_options(-Wl,--disable-new-dtags -Wl,--as-needed)
