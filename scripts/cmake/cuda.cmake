# The GPU side. STRATA_WITH_CUDA says whether there is one; torch::cuda is LibTorch's GPU half with
# the libraries that our own GPU files call.
#
# It goes into a program of its own, strata-gpu, because loading it costs 0.3 s and 350 MB: `strata`
# hands over to strata-gpu on machines with a GPU driver. A target is linked with the GPU files when
# its property STRATA_GPU is ON, and with their twins, the no_*.cpp files, when it is not (see
# floors.cmake).
define_property(TARGET PROPERTY STRATA_GPU
                BRIEF_DOCS "Link the GPU files instead of their no_*.cpp twins")

# Sets `missing` to what a GPU build lacks here.
function(strata_find_cuda)
  set(missing "")
  find_program(STRATA_NVCC nvcc HINTS $ENV{CUDACXX} $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
  find_path(STRATA_CUDNN_INCLUDE cudnn.h HINTS $ENV{CUDA_HOME}/include /usr/local/cuda/include)
  find_path(STRATA_NCCL_INCLUDE nccl.h HINTS $ENV{CUDA_HOME}/include /usr/local/cuda/include)
  if(NOT STRATA_NVCC)
    list(APPEND missing nvcc)
  endif()
  foreach(library cudart.so.13 cudnn.so.9 nccl.so.2 cublas.so.13 cusparseLt.so.0 nvshmem_host.so.3
          cufile.so.0)
    find_library(STRATA_LIB_${library} NAMES lib${library} HINTS ${STRATA_NVIDIA_LIBS} NO_CACHE)
    if(NOT STRATA_LIB_${library})
      list(APPEND missing lib${library})
    endif()
  endforeach()
  foreach(header CUDNN NCCL)
    if(NOT STRATA_${header}_INCLUDE)
      string(TOLOWER ${header}.h header)
      list(APPEND missing ${header})
    endif()
  endforeach()
  foreach(half torch_cuda c10_cuda)
    if(NOT EXISTS ${STRATA_TORCH}/lib/lib${half}.so)
      list(APPEND missing lib${half}.so)
    endif()
  endforeach()
  list(JOIN missing ", " missing)
  set(missing "${missing}" PARENT_SCOPE)
endfunction()

function(strata_make_cuda_targets)
  foreach(half torch_cuda c10_cuda)
    add_library(${half} SHARED IMPORTED GLOBAL)
    set_target_properties(${half} PROPERTIES IMPORTED_LOCATION ${STRATA_TORCH}/lib/lib${half}.so)
  endforeach()
  get_filename_component(toolkit_bin ${CMAKE_CUDA_COMPILER} DIRECTORY)
  add_library(strata_torch_cuda INTERFACE)
  add_library(torch::cuda ALIAS strata_torch_cuda)
  target_include_directories(strata_torch_cuda SYSTEM INTERFACE
                             ${toolkit_bin}/../include ${STRATA_CUDNN_INCLUDE} ${STRATA_NCCL_INCLUDE})
  # LibTorch's GPU half registers its operators when it is loaded; nothing calls it by name, so the
  # linker would leave it out.
  target_link_options(strata_torch_cuda INTERFACE -Wl,--no-as-needed)
  foreach(library cudart.so.13 cudnn.so.9 nccl.so.2 cublas.so.13)
    find_library(path NAMES lib${library} HINTS ${STRATA_NVIDIA_LIBS} NO_CACHE REQUIRED)
    target_link_libraries(strata_torch_cuda INTERFACE ${path})
    unset(path)
  endforeach()
  target_link_libraries(strata_torch_cuda INTERFACE torch_cuda c10_cuda torch::cpu)
endfunction()

set(STRATA_WITH_CUDA OFF)
set(why "switched off")
if(NOT STRATA_CUDA STREQUAL "OFF")
  strata_find_cuda()
  if(NOT missing)
    set(CMAKE_CUDA_COMPILER ${STRATA_NVCC})
    set(CMAKE_CUDA_ARCHITECTURES 90)  # machine code for 9.0, and PTX for what comes after
    set(CMAKE_CUDA_STANDARD 17)       # all that CMake 3.25 knows for this nvcc
    set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
    enable_language(CUDA)
    strata_make_cuda_targets()
    set(STRATA_WITH_CUDA ON)
    set(why "nvcc ${CMAKE_CUDA_COMPILER_VERSION}")
  elseif(STRATA_CUDA STREQUAL "ON")
    message(FATAL_ERROR "STRATA_CUDA=ON, but not found: ${missing}")
  else()
    set(why "not found: ${missing}")
  endif()
endif()
message(STATUS "CUDA: ${STRATA_WITH_CUDA} (${why})")
