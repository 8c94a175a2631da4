// The config system as a whole: layers, strictness, dumps, help. Single values are in
// config_value_test.cpp.
#include <gtest/gtest.h>

#include "base/config_dump.h"
#include "base/config_load.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace strata::base {
namespace {

using tests::expect_user_error;
using tests::TempFolder;

struct Source {
  std::string path;
  double weight = 1.0;
  void fields(Fields& f) {
    f("path", path, "Where it is.");
    f("weight", weight, "Its share.", above(0));
  }
};

struct Data {
  std::vector<Source> train;
  TextMap columns;
  bool shuffle = true;
  void fields(Fields& f) {
    f.list("train", train, "Sources.");
    f("columns", columns, "Names.");
    f("shuffle", shuffle, "Order.");
  }
};

struct Optimizer {
  double lr = 1e-3;
  double min_lr = 1e-4;
  std::vector<double> betas = {0.9, 0.95};
  std::string schedule = "cosine";
  int64_t warmup = 20;
  void fields(Fields& f) {
    f("lr", lr, "Peak learning rate.", at_least(0));
    f("min_lr", min_lr, "Last learning rate.", at_least(0));
    f("betas", betas, "Decay rates | of the moments.", below_one());
    f("schedule", schedule, "Shape.", one_of({"constant", "linear", "cosine"}));
    f("warmup", warmup, "Steps.", at_least(0));
  }
};

struct Rope {
  double factor = 1.0;
  void fields(Fields& f) { f("factor", factor, "Stretch.", at_least(1)); }
};

struct Model {
  AutoInt kv_heads;
  int64_t heads = 8;
  std::vector<std::string> stop;
  std::optional<Rope> rope;
  void fields(Fields& f) {
    f("kv_heads", kv_heads, "Key heads.", at_least(1));
    f("heads", heads, "Heads.", at_least(1));
    f("stop", stop, "Words.");
    f.section("rope", rope, "Rope.");
  }
};

struct Config {
  Data data;
  Optimizer optimizer;
  Model model;
  void fields(Fields& f) {
    f.section("data", data, "The data.");
    f.section("optimizer", optimizer, "The optimizer.");
    f.section("model", model, "The model.");
  }
  void check(Problems& problems) const {
    if (optimizer.min_lr > optimizer.lr)
      problems.add("optimizer.min_lr", "must not exceed optimizer.lr");
  }
};

class ConfigTest : public testing::Test {
 protected:
  LoadedConfig<Config> load(const std::string& yaml, std::vector<std::string> overrides = {},
                            std::vector<std::pair<std::string, std::string>> environment = {}) {
    write_file(folder_ / "c.yaml", yaml);
    return load_config<Config>({.file = folder_ / "c.yaml",
                                .overrides = std::move(overrides),
                                .environment = std::move(environment)});
  }
  void refused(const std::string& yaml, const std::vector<std::string>& pieces,
               std::vector<std::string> overrides = {}) {
    expect_user_error(kBadUsage, pieces, [&] { load(yaml, std::move(overrides)); });
  }
  const TempFolder folder_;
};

TEST_F(ConfigTest, DefaultsStandWhereNothingIsSaid) {
  for (const char* yaml :
       {"", "optimizer:\n", "optimizer: {}\ndata:\n  train:\nmodel: ~\n", "# only a comment\n"}) {
    const auto [config, sources] = load(yaml);
    EXPECT_EQ(config.optimizer.lr, 1e-3);
    EXPECT_TRUE(config.data.train.empty());
    EXPECT_FALSE(config.model.rope.has_value());
    EXPECT_FALSE(sources.is_set("optimizer.lr"));
  }
  EXPECT_EQ(load_config<Config>({}).config.model.heads, 8);
}

TEST_F(ConfigTest, ReadsEveryKindOfValue) {
  const auto [config, sources] = load(R"(
data:
  train: [{path: a, weight: 2}, b.jsonl]
  columns: {prompt: question, "x y": 'z: 1'}
  shuffle: false
optimizer: {lr: 3e-4, min_lr: 0, betas: [0.8, .99], schedule: linear, warmup: 2K}
model: {kv_heads: auto, heads: 64Ki, stop: ["\n", end], rope: {factor: 2}}
)");
  ASSERT_EQ(config.data.train.size(), 2u);
  EXPECT_EQ(config.data.train[0].weight, 2.0);
  EXPECT_EQ(config.data.train[1].path, "b.jsonl");
  EXPECT_EQ(config.data.columns, (TextMap{{"prompt", "question"}, {"x y", "z: 1"}}));
  EXPECT_FALSE(config.data.shuffle);
  EXPECT_EQ(config.optimizer.lr, 3e-4);
  EXPECT_EQ(config.optimizer.betas, (std::vector<double>{0.8, 0.99}));
  EXPECT_EQ(config.optimizer.warmup, 2000);
  EXPECT_FALSE(config.model.kv_heads.has_value());
  EXPECT_EQ(config.model.heads, 65536);
  EXPECT_EQ(config.model.stop, (std::vector<std::string>{"\n", "end"}));
  EXPECT_EQ(config.model.rope->factor, 2.0);
  EXPECT_EQ(sources.text_of("optimizer.lr"), (folder_ / "c.yaml").string() + ":6:13");
}

TEST_F(ConfigTest, AListMayBeOneMappingOrOneWord) {
  EXPECT_EQ(load("data: {train: {path: a, weight: 3}}").config.data.train[0].weight, 3.0);
  EXPECT_EQ(load("data: {train: a.txt}").config.data.train[0].path, "a.txt");
  EXPECT_EQ(load("model: {stop: end}").config.model.stop, (std::vector<std::string>{"end"}));
}

TEST_F(ConfigTest, LaterLayersWin) {
  const std::string yaml = "optimizer: {lr: 1, warmup: 1, schedule: linear}\n";
  const auto [config, sources] = load(
      yaml, {"optimizer.warmup=3", "data.train=[{path: x, weight: 2}, y]", "data.train.1.weight=5"},
      {{"STRATA_OPTIMIZER__WARMUP", "2"},
       {"STRATA_OPTIMIZER__MIN_LR", "0.5"},
       {"STRATA_NO__KEY", "["},
       {"STRATA_X", "1"}});
  EXPECT_EQ(config.optimizer.lr, 1.0);
  EXPECT_EQ(config.optimizer.warmup, 3);
  EXPECT_EQ(config.optimizer.min_lr, 0.5);
  EXPECT_EQ(config.data.train[1].weight, 5.0);
  EXPECT_EQ(sources.text_of("optimizer.warmup"), "command line");
  EXPECT_EQ(sources.text_of("optimizer.min_lr"), "STRATA_OPTIMIZER__MIN_LR");
  EXPECT_EQ(sources.text_of("optimizer.betas"), "default");
  EXPECT_TRUE(sources.is_set("data.train"));
}

TEST_F(ConfigTest, TheProcessEnvironmentIsRead) {
  setenv("STRATA_MODEL__HEADS", "4", 1);
  EXPECT_EQ(load_config<Config>({}).config.model.heads, 4);
  unsetenv("STRATA_MODEL__HEADS");
  EXPECT_EQ(load_config<Config>({}).config.model.heads, 8);
}

TEST_F(ConfigTest, InheritsFromABaseBesideIt) {
  write_file(folder_ / "sub" / "base.yaml",
             "base: ../root.yaml\noptimizer: {lr: 2, warmup: 7}\nmodel: {stop: [a, b]}\n");
  write_file(folder_ / "root.yaml", "optimizer: {lr: 1, schedule: linear}\n");
  const auto [config, sources] =
      load("base: sub/base.yaml\noptimizer: {lr: 3}\nmodel: {stop: [c]}\ndata:\n");
  EXPECT_EQ(config.optimizer.lr, 3.0);
  EXPECT_EQ(config.optimizer.warmup, 7);
  EXPECT_EQ(config.optimizer.schedule, "linear");
  EXPECT_EQ(config.model.stop, std::vector<std::string>{"c"});
  EXPECT_NE(sources.text_of("optimizer.warmup").find("base.yaml:2:20"), std::string::npos);

  write_file(folder_ / "loop.yaml", "base: c.yaml\n");
  refused("base: loop.yaml\n", {"loop.yaml:1:7: base: ", "inherits from itself"});
  refused("base: none.yaml\n", {"c.yaml:1:7: base: there is no file ", "none.yaml"});
  refused("base: [a]\n", {"c.yaml:1:7: base: a file name was expected, not a list"});
}

TEST_F(ConfigTest, TellsEveryProblemWithItsPlace) {
  refused(R"(optimizer:
  lr: fast
  warmpu: 3
  schedule: cosin
  lr: 2
data:
  shuffle: yes
  train: [{path: a, wieght: 1}]
modle: {}
model: {heads: 0, kv_heads: 1.5, stop: {a: b}}
)",
          {"c.yaml:2:7: optimizer.lr: a number was expected, not 'fast'",
           "c.yaml:3:3: unknown key 'optimizer.warmpu' (did you mean 'optimizer.warmup'?)",
           "c.yaml:4:13: optimizer.schedule: 'cosin' is none of constant, linear, cosine (did you "
           "mean 'cosine'?)",
           "c.yaml:5:3: key 'lr' is given twice, first at ",
           "c.yaml:7:12: data.shuffle: true or false was expected, not 'yes'",
           "c.yaml:8:21: unknown key 'data.train.0.wieght' (did you mean 'data.train.0.weight'?)",
           "c.yaml:9:1: unknown key 'modle' (did you mean 'model'?)",
           "c.yaml:10:16: model.heads: 0 is out of range: at least 1 was expected",
           "c.yaml:10:29: model.kv_heads: a whole number or auto was expected, not '1.5'",
           "c.yaml:10:40: model.stop: a list was expected, not a mapping"});
}

TEST_F(ConfigTest, SuggestsTheSectionThatHasTheKey) {
  refused("lr: 1\n", {"c.yaml:1:1: unknown key 'lr' (did you mean 'optimizer.lr'?)"});
  refused("model: {warmup: 1}\n",
          {"unknown key 'model.warmup' (did you mean 'optimizer.warmup'?)"});
  refused("", {"command line: unknown key 'warmpu' (did you mean 'optimizer.warmup'?)"},
          {"warmpu=3"});
  refused("zzz: 1\n", {"unknown key 'zzz'; known here: data, model, optimizer"});
}

TEST_F(ConfigTest, RefusesWrongShapes) {
  refused("- a\n", {"c.yaml:1:1: a mapping was expected, not a list"});
  refused("just words\n", {"a mapping was expected, not 'just words'"});
  refused("optimizer: 3\n", {"c.yaml:1:12: optimizer: a mapping was expected, not '3'"});
  refused("optimizer: {lr: }\n", {"optimizer.lr: a number was expected, not nothing"});
  refused("optimizer: {lr: '1'}\n",
          {"optimizer.lr: a number was expected, not the text '1' in quotes"});
  refused("optimizer: {betas: 0.9}\n", {"optimizer.betas: a list was expected, not '0.9'"});
  refused("optimizer: {betas: [0.9, 1]}\n",
          {"c.yaml:1:26: optimizer.betas: 1 is out of range: at least 0 and below 1"});
  refused("data: {columns: [a]}\n", {"data.columns: a mapping was expected, not a list"});
  refused("data: {columns: {a: [1]}}\n", {"data.columns.a: a text was expected, not a list"});
  refused("data: {train: [[a]]}\n", {"data.train.0: a mapping was expected, not a list"});
  refused("a: [\n", {"c.yaml:", "not valid YAML"});
  refused("a: 1\n---\nb: 2\n", {"second"});
  refused("<<: {a: 1}\n", {"merge keys"});
  refused("model: {heads: !!int 3}\n", {"tags such as"});
  refused("? [a]\n: 3\n", {"a key must be a plain word, not a list"});
}

TEST_F(ConfigTest, RefusesBadOverrides) {
  refused("", {"command line: 'optimizer.lr' is not of the form section.key=value"},
          {"optimizer.lr"});
  refused("", {"command line: optimizer.lr: a number was expected, not 'x'"}, {"optimizer.lr=x"});
  refused("", {"command line: not valid YAML"}, {"optimizer.betas=[1,"});
  refused("data: {train: [a]}", {"command line: the list has no item 'data.train.3.path'"},
          {"data.train.3.path=x"});
  expect_user_error(kBadUsage, {"absent.yaml"},
                    [&] { load_config<Config>({.file = folder_ / "absent.yaml"}); });
}

TEST_F(ConfigTest, ItsOwnCheckIsPlaced) {
  refused("optimizer: {lr: 0.1,\n  min_lr: 0.5}\n",
          {"c.yaml:2:3: optimizer.min_lr: must not exceed optimizer.lr"});
  refused("optimizer:\n  lr: 1e-9\n",
          {"c.yaml:1:1: optimizer.min_lr: must not exceed optimizer.lr"});
  refused("", {"command line: optimizer.min_lr: must not"}, {"optimizer.min_lr=7"});
}

TEST_F(ConfigTest, DumpsLoadBackTheSame) {
  const auto [config, sources] = load(R"(
data: {train: [{path: "a b: #c", weight: 0.1}, "1"], columns: {prompt: "null", "k: 1": ""}}
optimizer: {lr: 0.30000000000000004, min_lr: 1e-9}
model: {stop: ["<|end|>", "\n", "yes", "tab\t\"q\"", "ü\x01", "-", ""], rope: {}}
)");
  const std::string dump = dump_config(config);
  const auto again = load(dump);
  EXPECT_EQ(dump_config(again.config), dump);
  EXPECT_EQ(again.config.model.stop, config.model.stop);
  EXPECT_EQ(again.config.data.columns, config.data.columns);
  EXPECT_EQ(again.config.optimizer.lr, 0.30000000000000004);
  const std::string with_sources = dump_config(config, &sources);
  EXPECT_EQ(dump_config(load(with_sources).config), dump);
  EXPECT_NE(with_sources.find("lr: 0.30000000000000004"), std::string::npos);
  EXPECT_NE(with_sources.find("c.yaml:3:13"), std::string::npos);
  EXPECT_NE(with_sources.find("# default"), std::string::npos);
  EXPECT_NE(dump.find("  train:\n    - path: \"a b: #c\"\n      weight: 0.1\n"), std::string::npos)
      << dump;
}

TEST_F(ConfigTest, ComparesDumpsByKey) {
  const std::string before = dump_config(load("data: {train: [{path: a}]}").config);
  const std::string after = dump_config(
      load("data: {train: [{path: b}, {path: c}]}\noptimizer: {betas: [0.5, 0.6]}").config);
  const auto changes = compare_dumps(before, "old", after, "new");
  std::string text;
  for (const auto& change : changes)
    text += change.key + ": " + change.before + " -> " + change.after + "\n";
  EXPECT_EQ(text,
            "data.train.0.path: a -> b\n"
            "data.train.1.path: (absent) -> c\n"
            "data.train.1.weight: (absent) -> 1.0\n"
            "optimizer.betas: [0.9, 0.95] -> [0.5, 0.6]\n");
  EXPECT_TRUE(compare_dumps(after, "a", after, "b").empty());
  expect_user_error(kBadUsage, {"old:1:"}, [&] { compare_dumps("a: [", "old", after, "new"); });
}

TEST_F(ConfigTest, HelpAndReferencePage) {
  const auto fields = fields_of<Config>();
  const std::string help = help_text(fields, "optimizer");
  EXPECT_NE(help.find("optimizer: The optimizer. (section)\n"), std::string::npos);
  EXPECT_NE(
      help.find(
          "  optimizer.schedule = cosine\n      one of constant | linear | cosine\n      Shape.\n"),
      std::string::npos)
      << help;
  EXPECT_EQ(help.find("data."), std::string::npos);
  EXPECT_NE(help_text(fields).find("data.train.weight = 1.0"), std::string::npos);
  EXPECT_NE(help_text(fields, "model.rope.factor").find("at least 1"), std::string::npos);
  expect_user_error(kBadUsage, {"'optimiser'", "did you mean 'optimizer'"},
                    [&] { help_text(fields, "optimiser"); });

  const std::string page = reference_page(fields, "Config");
  EXPECT_NE(page.find("## data.train\n"), std::string::npos);
  EXPECT_NE(page.find("| `optimizer.betas` | list of numbers, at least 0 and below 1 | `[0.9, "
                      "0.95]` | Decay rates \\| of"),
            std::string::npos)
      << page;
}

}  // namespace
}  // namespace strata::base
