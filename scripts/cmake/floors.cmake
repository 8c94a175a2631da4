# strata_floor(NAME [TORCH] [OVER libs...] [LINKS libs...]
#              [WITHOUT regexes...] [GPU regexes...] [GPU_TWINS regexes...])
# makes the static library strata_NAME of every .cpp in the folder except those that match a regex
# of WITHOUT. OVER names the floors it may see (its includers see them too), LINKS foreign libraries
# that only its own files see. Files that match GPU, and every .cu, go into strata_NAME_gpu; those
# that match GPU_TWINS, which have the same functions, into strata_NAME_no_gpu. Who links
# strata_NAME gets one of the two, by its own property STRATA_GPU.
function(strata_floor name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "OVER;LINKS;WITHOUT;GPU;GPU_TWINS")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  file(GLOB_RECURSE gpu_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cu)
  strata_take(arg_WITHOUT sources unused)
  strata_take(arg_GPU_TWINS sources twin_sources)
  strata_take(arg_GPU sources gpu_sources)

  set(target strata_${name})
  if(NOT sources)
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE ${arg_OVER})
    return()
  endif()
  if(arg_TORCH)
    list(APPEND arg_OVER torch::cpu)
  endif()
  strata_static_library(${target} "${sources}" "${arg_OVER}" "${arg_LINKS}")
  if(twin_sources)
    strata_static_library(${target}_no_gpu "${twin_sources}" "${arg_OVER}" "${arg_LINKS}")
    set(choice ${target}_no_gpu)
  endif()
  if(gpu_sources AND STRATA_WITH_CUDA)
    strata_static_library(${target}_gpu "${gpu_sources}" "${arg_OVER};torch::cuda" "${arg_LINKS}")
    set(choice $<IF:$<BOOL:$<TARGET_PROPERTY:STRATA_GPU>>,${target}_gpu,${choice}>)
  endif()
  target_link_libraries(${target} INTERFACE ${choice})
endfunction()

# Moves the files that match one of the regexes (relative to the folder) from one list to another.
function(strata_take regexes from to)
  foreach(regex ${${regexes}})
    set(taken ${${from}})
    list(FILTER taken INCLUDE REGEX "${CMAKE_CURRENT_SOURCE_DIR}/${regex}$")
    list(FILTER ${from} EXCLUDE REGEX "${CMAKE_CURRENT_SOURCE_DIR}/${regex}$")
    list(APPEND ${to} ${taken})
  endforeach()
  set(${from} ${${from}} PARENT_SCOPE)
  set(${to} ${${to}} PARENT_SCOPE)
endfunction()

function(strata_static_library target sources over links)
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${over} PRIVATE ${links} fmt::fmt Threads::Threads)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${STRATA_UNITY} UNITY_BUILD_BATCH_SIZE 8)
  if(STRATA_UNITY)
    # In a unity build g++ takes every file for a header, whose types in anonymous namespaces it
    # warns of.
    target_compile_options(${target} PRIVATE
                           $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
  endif()
endfunction()
