# LibTorch as plain imported targets. find_package(Torch) is not used: it brings its own flags, asks
# for CUDA at configure time and picks system folders.
if(LIBTORCH_ROOT)
  set(STRATA_TORCH ${LIBTORCH_ROOT})
elseif(DEFINED ENV{LIBTORCH_ROOT})
  set(STRATA_TORCH $ENV{LIBTORCH_ROOT})
else()
  set(STRATA_TORCH ${CMAKE_SOURCE_DIR}/third_party/libtorch)
endif()
if(NOT EXISTS ${STRATA_TORCH}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No LibTorch in ${STRATA_TORCH}. "
                      "Run scripts/setup.sh, or give an own one: -DLIBTORCH_ROOT=PATH")
endif()

add_library(torch_c10 SHARED IMPORTED)
set_target_properties(torch_c10 PROPERTIES IMPORTED_LOCATION ${STRATA_TORCH}/lib/libc10.so)
add_library(torch_cpu SHARED IMPORTED)
set_target_properties(torch_cpu PROPERTIES IMPORTED_LOCATION ${STRATA_TORCH}/lib/libtorch_cpu.so)

# The OpenMP runtime that LibTorch loads: kernels/threads.cpp calls the same one (a second one would
# make everything slow).
file(GLOB STRATA_GOMP ${STRATA_TORCH}/lib/libgomp*.so.1)  # some builds put a hash into the name
add_library(torch_gomp SHARED IMPORTED)
set_target_properties(torch_gomp PROPERTIES IMPORTED_LOCATION ${STRATA_GOMP})

# libtorch_cpu.so wants CUDA's small runtime libraries even on the CPU: from the toolkit, or from
# where setup.sh laid them.
set(STRATA_NVIDIA ${CMAKE_SOURCE_DIR}/third_party/nvidia)
file(GLOB STRATA_NVIDIA_LIBS LIST_DIRECTORIES true ${STRATA_NVIDIA}/*/lib)
foreach(toolkit $ENV{CUDA_HOME} /usr/local/cuda)
  if(EXISTS ${toolkit}/lib64/libcudart.so)
    list(APPEND STRATA_NVIDIA_LIBS ${toolkit}/lib64)
    break()
  endif()
endforeach()

# -idirafter: LibTorch ships a copy of fmt (and others) in its include folder; the system's own come
# first.
add_library(strata_torch_cpu INTERFACE)
add_library(torch::cpu ALIAS strata_torch_cpu)
target_compile_options(strata_torch_cpu INTERFACE
                       $<$<COMPILE_LANGUAGE:CXX>:-idirafter${STRATA_TORCH}/include>)
target_compile_definitions(strata_torch_cpu INTERFACE AT_PER_OPERATOR_HEADERS)
target_link_libraries(strata_torch_cpu INTERFACE torch_cpu torch_c10 torch_gomp)
foreach(folder ${STRATA_TORCH}/lib ${STRATA_NVIDIA_LIBS})
  target_link_options(strata_torch_cpu INTERFACE -Wl,-rpath-link,${folder})
  list(APPEND CMAKE_BUILD_RPATH ${folder})
endforeach()
