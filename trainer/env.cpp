#include "trainer/env.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/hdf5.h"
#include "base/json.h"
#include "kernels/gpus.h"
#include "kernels/matmul.h"
#include "parallel/comm/versions.h"

namespace strata::trainer {
namespace {

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;

/// LibTorch tells its version only inside the text of its build settings.
std::string libtorch_version() {
  const std::string settings = at::show_config();
  const std::string_view key = "TORCH_VERSION=";
  const size_t begin = settings.find(key);
  if (begin == std::string::npos) return "";
  const size_t end = settings.find_first_of(", \n", begin);
  return settings.substr(begin + key.size(), end - begin - key.size());
}

/// The model name in /proc/cpuinfo; "unknown" where that file has none.
std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

int64_t ram_bytes() { return int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE); }

std::vector<int> bound_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  return cores;
}

std::string bf16_gemm_path(const std::string& fp32_path) {
  if (!kernels::cpu_multiplies_bf16()) return fp32_path + " in fp32 (no bf16 units here)";
  return at::hasMKLDNN() ? "oneDNN, bf16 units" : "LibTorch's own loops (slow)";
}

std::vector<std::string> find_warnings(const Environment& env) {
  std::vector<std::string> warnings;
  const int cores = static_cast<int>(env.cores.size());
  if (env.threads > cores)
    warnings.push_back(fmt::format(
        "{} threads share {} cores and will wait for one another: set OMP_NUM_THREADS={}, or let "
        "mpirun bind more cores to a rank (--map-by slot:PE={})",
        env.threads, cores, cores, env.threads));
  else if (cores == env.cores_online && env.threads * env.ranks_on_node > cores)
    warnings.push_back(
        fmt::format("{} ranks of {} threads share {} cores and will wait for one another: set "
                    "OMP_NUM_THREADS={}",
                    env.ranks_on_node, env.threads, cores, std::max(1, cores / env.ranks_on_node)));
  return warnings;
}

}  // namespace

std::string_view version() { return STRATA_VERSION; }

Environment gather_environment(int ranks_on_node) {
  const kernels::GpuSoftware gpu = kernels::gpu_software();
  Environment env;
  env.program = std::filesystem::read_symlink("/proc/self/exe").string();
  env.versions = {{"strata", std::string(version())}, {"libtorch", libtorch_version()},
                  {"mpi", parallel::mpi_version()},   {"hdf5", base::hdf5_version()},
                  {"nccl", parallel::nccl_version()}, {"cuda", gpu.cuda_runtime},
                  {"cuda_driver", gpu.cuda_driver},   {"cudnn", gpu.cudnn}};
  env.devices = {{"cpu", cpu_name(), ram_bytes()}};
  for (const kernels::Gpu& device : kernels::gpus())
    env.devices.push_back({"cuda", device.name, device.memory_bytes});
  env.cores = bound_cores();
  env.cores_online = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  env.threads = at::get_num_threads();
  env.ranks_on_node = ranks_on_node;
  env.cpu_capability = at::get_cpu_capability();
  env.fp32_gemm = at::hasMKL() ? "MKL" : at::hasMKLDNN() ? "oneDNN" : "LibTorch's own loops (slow)";
  env.bf16_gemm = bf16_gemm_path(env.fp32_gemm);
  env.warnings = find_warnings(env);
  return env;
}

std::string environment_text(const Environment& env) {
  std::string text = fmt::format("{:<14}{}\n", "program", env.program);
  for (const auto& [library, version] : env.versions)
    text += fmt::format("{:<14}{}\n", library, version.empty() ? "none" : version);
  for (const Environment::Device& device : env.devices)
    text += fmt::format("{:<14}{}, {:.1f} GiB\n", device.kind, device.name,
                        static_cast<double>(device.memory_bytes) / kGibibyte);
  text += fmt::format("{:<14}{} of {} ({}), {} threads, {} ranks here\n", "cores", env.cores.size(),
                      env.cores_online, fmt::join(env.cores, ","), env.threads, env.ranks_on_node);
  text += fmt::format("{:<14}{} kernels; fp32: {}; bf16: {}\n", "gemm", env.cpu_capability,
                      env.fp32_gemm, env.bf16_gemm);
  for (const std::string& warning : env.warnings)
    text += fmt::format("{:<14}{}\n", "warning", warning);
  return text;
}

std::string environment_json(const Environment& env) {
  base::Json json;
  json["program"] = env.program;
  for (const auto& [library, version] : env.versions)
    json["versions"][library] = version.empty() ? base::Json() : base::Json(version);
  for (const Environment::Device& device : env.devices)
    json["devices"].push_back(
        {{"kind", device.kind},
         {"name", device.name},
         {"memory_gib", static_cast<double>(device.memory_bytes) / kGibibyte}});
  json["cores"] = {{"bound", env.cores},
                   {"online", env.cores_online},
                   {"threads", env.threads},
                   {"ranks_on_node", env.ranks_on_node}};
  json["gemm"] = {
      {"cpu_capability", env.cpu_capability}, {"fp32", env.fp32_gemm}, {"bf16", env.bf16_gemm}};
  json["warnings"] = env.warnings;
  return base::pretty_json(json);
}

}  // namespace strata::trainer
