# The rules of check_layers.sh, which gives it all files of the tree. Works in any awk.

BEGIN {
  kMaxLines = 400
  # folder -> folders that its files may include, beside their own
  may["base"] = ""
  may["data"] = "base"
  may["kernels"] = "base"
  may["parallel"] = "kernels base"
  may["model"] = "parallel kernels base"
  may["serve"] = "model data parallel base"
  may["trainer"] = "serve model parallel data kernels base"
  may["tests"] = "trainer serve model parallel data kernels base"

  # foreign headers (regex) -> the files that may include them (regex)
  home["^mpi\\.h$"] = "^parallel/comm/mpi_|^tests/support/mpi_main\\.cpp$"
  home["^nccl\\.h$"] = "^parallel/comm/nccl_"
  home["^cudnn.*\\.h$"] = "^kernels/.*_cudnn"
  home["^(hdf5|H5).*\\.h$"] = "^base/hdf5\\.cpp$"
  home["^yaml-cpp/"] = "^base/yaml\\.cpp$"
  home["^sqlite3\\.h$"] = "^serve/store"
  home["^httplib\\.h$"] = "^serve/http"
  home["^(ATen|c10)/"] = "^(kernels|parallel|model|serve|trainer|tests)/.*\\.(h|cpp)$"
  home["^torch/csrc/"] = "^(kernels|parallel|model|serve|trainer|tests)/.*\\.cpp$"
  home["^(torch/[^/]*\\.h|ATen/ATen\\.h|ATen/Functions\\.h)$"] = "nothing: it is slow; take each operator's own"
}

FNR == 1 {
  finish_file()
  file = FILENAME
  folder = file
  sub("/.*", "", folder)
  is_code = file ~ /\.(h|cpp|cu)$/
  has_once = 0
}

{ lines = FNR }

is_code && /^#pragma once/ { has_once = 1 }

is_code && /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)/ {
  finding(FNR, "conditional compilation; let CMake choose between two files")
}

is_code && /^[ \t]*#[ \t]*include[ \t]*["<]/ {
  quoted = $0 ~ /include[ \t]*"/
  name = $0
  sub(/^[^"<]*["<]/, "", name)
  sub(/[">].*/, "", name)
  check_foreign_header(name)
  if (quoted) check_arrow(name)
}

END {
  finish_file()
  for (f in included) look_for_circle(f)
  if (findings) {
    print findings " findings"
    exit 1
  }
  print files " files keep the floors"
}

function finding(line, what) {
  print file ":" line ": " what
  ++findings
}

function finish_file() {
  if (file == "") return
  ++files
  if (lines > kMaxLines) finding(lines, "longer than " kMaxLines " lines; what is its one idea?")
  if (file ~ /\.h$/ && !has_once) finding(1, "a header without #pragma once")
}

function check_foreign_header(name,    pattern) {
  for (pattern in home)
    if (name ~ pattern && file !~ home[pattern])
      finding(FNR, "<" name "> may be included only by " home[pattern])
}

function check_arrow(name,    target) {
  target = name
  sub("/.*", "", target)
  if (!(target in may)) {
    finding(FNR, "\"" name "\" does not start with a folder of the tree")
  } else if (target != folder && (" " may[folder] " ") !~ (" " target " ")) {
    finding(FNR, folder "/ may not include " target "/ (" name ")")
  }
  included[file] = included[file] " " name
}

# Depth first; state 1: on the way down, 2: done.
function look_for_circle(f,    names, n, i) {
  if (state[f] == 2) return
  state[f] = 1
  n = split(included[f], names, " ")
  for (i = 1; i <= n; ++i) {
    if (state[names[i]] == 1) {
      file = f
      finding(1, "includes " names[i] ", which includes it in turn")
    } else if (names[i] in included) {
      look_for_circle(names[i])
    }
  }
  state[f] = 2
}
