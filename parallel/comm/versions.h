// Versions of the communication libraries that are loaded into this process.
#pragma once

#include <string>

namespace strata::parallel {

/// "Open MPI v4.1.4"; empty in a build without MPI. May be asked before MPI is initialised.
std::string mpi_version();

/// "2.28.9"; empty in a program without NCCL.
std::string nccl_version();

}  // namespace strata::parallel
