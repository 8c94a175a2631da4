#!/bin/bash
# mpirun.sh RANKS COMMAND...: runs COMMAND on RANKS ranks of this machine, also when there are fewer
# cores than ranks and also as root.
set -eu
ranks=$1
shift
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec mpirun -n "$ranks" --bind-to none --oversubscribe --mca mpi_yield_when_idle 1 "$@"
