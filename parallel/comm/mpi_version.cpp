#include <mpi.h>

#include "parallel/comm/versions.h"

namespace strata::parallel {

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string whole(text, static_cast<size_t>(length));
  return whole.substr(0, whole.find_first_of(",\n"));  // the rest says who built it
}

}  // namespace strata::parallel
