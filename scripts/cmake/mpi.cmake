# STRATA_WITH_MPI says whether parallel/comm/mpi_*.cpp or no_mpi*.cpp is compiled.
set(STRATA_WITH_MPI OFF)
if(NOT STRATA_MPI STREQUAL "OFF")
  find_package(MPI COMPONENTS C QUIET)
  if(MPI_C_FOUND)
    set(STRATA_WITH_MPI ON)
    # Open MPI's and MPICH's C++ bindings were removed from the standard and from newer libraries.
    target_compile_definitions(MPI::MPI_C INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
  elseif(STRATA_MPI STREQUAL "ON")
    message(FATAL_ERROR "STRATA_MPI=ON, but no MPI was found (Debian: libopenmpi-dev)")
  endif()
endif()
message(STATUS "MPI: ${STRATA_WITH_MPI}")
