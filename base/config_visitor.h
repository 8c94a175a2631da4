// For classes that walk a config's fields: the nine kinds of values arrive in one template member,
//   template <class T> void value(const std::string& path, const char* key, T& value, const char*
//   help, const Limits&);
// and the dotted path of where the walk stands is kept for them. List items count as keys:
// data.train.0.path.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/config_value.h"

namespace strata::base {

template <class Derived>
class ConfigVisitor : public Fields {
 public:
  void operator()(const char* key, bool& v, const char* help) override { take(key, v, help, {}); }
  void operator()(const char* key, int64_t& v, const char* help, Limits limits) override {
    take(key, v, help, limits);
  }
  void operator()(const char* key, AutoInt& v, const char* help, Limits limits) override {
    take(key, v, help, limits);
  }
  void operator()(const char* key, double& v, const char* help, Limits limits) override {
    take(key, v, help, limits);
  }
  void operator()(const char* key, std::string& v, const char* help, Limits limits) override {
    take(key, v, help, limits);
  }
  void operator()(const char* key, std::vector<int64_t>& v, const char* help,
                  Limits limits) override {
    take(key, v, help, limits);
  }
  void operator()(const char* key, std::vector<double>& v, const char* help,
                  Limits limits) override {
    take(key, v, help, limits);
  }
  void operator()(const char* key, std::vector<std::string>& v, const char* help,
                  Limits limits) override {
    take(key, v, help, limits);
  }
  void operator()(const char* key, TextMap& v, const char* help) override {
    take(key, v, help, {});
  }

 protected:
  /// The dotted path of a key at the place where the walk stands.
  std::string path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }
  /// Where the walk stands.
  const std::string& path() const { return path_; }
  void enter(std::string_view key) {
    outer_.push_back(path_);
    path_ = path_of(key);
  }
  void leave() {
    path_ = outer_.back();
    outer_.pop_back();
  }

 private:
  template <class T>
  void take(const char* key, T& v, const char* help, const Limits& limits) {
    static_cast<Derived*>(this)->value(path_of(key), key, v, help, limits);
  }

  std::string path_;
  std::vector<std::string> outer_;
};

}  // namespace strata::base
