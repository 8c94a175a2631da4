// A group of one: nothing is sent, gathering copies. Stands for groups of one in every backend.
#pragma once

#include <memory>

#include "parallel/comm/communicator.h"

namespace strata::parallel {

std::unique_ptr<Communicator> make_group_of_one(Group group, c10::Device device);

}  // namespace strata::parallel
