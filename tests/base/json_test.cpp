#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/expect_error.h"

namespace strata::base {
namespace {

using tests::expect_user_error;

TEST(Json, TellsWhereAMistakeIs) {
  expect_user_error(kBadData, {"rows.jsonl:7: column 11: not valid JSON", "syntax error"},
                    [] { parse_json(R"({"a": 1 "b": 2})", "rows.jsonl:7"); });
  expect_user_error(kBadUsage, {"t.json: line 3, column 1: not valid JSON"},
                    [] { parse_json("{\n\"a\": 1,\n}", "t.json", kBadUsage); });
  expect_user_error(kBadData, {"x: column 1"}, [] { parse_json("", "x"); });
  expect_user_error(kBadData, {"x:"}, [] { parse_json("1e999", "x"); });
  expect_user_error(kBadData, {"x:"}, [] { parse_json("\"\xff\"", "x"); });
  parse_json(std::string(100000, '[') + std::string(100000, ']'), "deep");
}

TEST(Json, KeepsTheOrderOfKeysAndMendsBadBytes) {
  EXPECT_EQ(compact_json(parse_json(R"({"z": 1, "a": [1.5, null]})", "x")),
            R"({"z":1,"a":[1.5,null]})");
  EXPECT_EQ(compact_json(Json("half \xe2\x82")), "\"half \xef\xbf\xbd\"");
  EXPECT_EQ(pretty_json(Json{{"k", 1}}), "{\n  \"k\": 1\n}\n");
}

TEST(JsonReader, ChecksTypesAndNamesKeys) {
  const Json json =
      parse_json(R"({"model": {"vocab_size": 12, "name": "x", "f": 0.5, "b": true, "none": null},
                                   "list": [1]})",
                 "c.json");
  const JsonReader root(json, "c.json");
  const JsonReader model = root.object("model");
  EXPECT_EQ(model.integer("vocab_size"), 12);
  EXPECT_EQ(model.number("vocab_size"), 12.0);
  EXPECT_EQ(model.string("name"), "x");
  EXPECT_TRUE(model.boolean("b"));
  EXPECT_EQ(model.integer("none", 5), 5);
  EXPECT_EQ(model.string("absent", "d"), "d");
  EXPECT_FALSE(model.has("none"));
  EXPECT_EQ(root.array("list").size(), 1u);
  expect_user_error(kBadData,
                    {"c.json: key 'model.vocabsize' is missing (did you mean 'vocab_size'?)"},
                    [&] { model.integer("vocabsize"); });
  expect_user_error(kBadData,
                    {"c.json: key 'model.name' holds a string; a whole number was expected"},
                    [&] { model.integer("name"); });
  expect_user_error(kBadData, {"key 'model.f'", "whole number"}, [&] { model.integer("f", 1); });
  expect_user_error(kBadData, {"c.json", "'list'", "object"}, [&] { root.object("list"); });
  expect_user_error(kBadUsage, {"y: a JSON object was expected"},
                    [] { JsonReader(Json(3), "y", kBadUsage); });
}

}  // namespace
}  // namespace strata::base
