// Chat templates against transformers: ids, masks, Jinja texts; what is refused.
#include "data/chat/chat_template.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "data/chat/chat_styles.h"
#include "data/chat/jinja_forms.h"
#include "data/chat/prompt_codec.h"
#include "data/tokenizer/tokenizer.h"
#include "tests/data/byte_codec.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"

namespace strata::data {
namespace {

const base::fs::path kGolden = tests::tests_folder() / "golden" / "chat";

std::string with_begin(const ChatStyle& style, bool begins) {
  return (begins && !style.begins_each_turn ? "{{ bos_token }}" : "") + std::string(style.jinja);
}

base::Json templates_now() {
  base::Json all;
  for (const ChatStyle& style : chat_styles()) {
    all[std::string(style.name)] = {{"begins", with_begin(style, true)},
                                    {"plain", with_begin(style, false)}};
  }
  return all;
}

TEST(ChatTemplates, JinjaTextsAreThoseThatTransformersWasGiven) {
  if (std::getenv("STRATA_WRITE_TEMPLATES"))
    base::write_file(kGolden / "templates.json", base::pretty_json(templates_now()));
  EXPECT_EQ(base::read_json(kGolden / "templates.json"), templates_now())
      << "run tests/golden/make_chat.py";
}

class AgainstTransformers : public testing::Test {
 protected:
  void SetUp() override {
    if (!base::fs::exists(kGolden / "ids.json")) FAIL() << "run tests/golden/make_chat.py";
    golden_ = base::read_json(kGolden / "ids.json");
    for (const auto& [name, entry] : golden_["tokenizers"].items()) {
      const auto file = tests::tests_folder() / "golden" / "tokenizer" /
                        (entry["file"].get<std::string>() + ".json");
      TokenizerFiles files{.tokenizer_json = base::read_file(file),
                           .config_json = entry["config"].get<std::string>(),
                           .special_tokens_map_json = "",
                           .chat_template = ""};
      tokenizers_.emplace(name, std::move(files));
    }
  }
  static Messages messages_of(const base::Json& list) {
    Messages messages;
    for (const base::Json& item : list) {
      messages.push_back({item["role"].get<std::string>(), item["content"].get<std::string>()});
    }
    return messages;
  }

  base::Json golden_;
  std::map<std::string, Tokenizer> tokenizers_;
};

TEST_F(AgainstTransformers, IdsAndMasksAreTheSame) {
  int cases = 0;
  for (const base::Json& one : golden_["cases"]) {
    const auto style = one["style"].get<std::string>();
    const auto tokenizer = one["tokenizer"].get<std::string>();
    const ChatTemplate chat(style, tokenizers_.at(tokenizer));
    const MaskedIds got =
        chat.render(messages_of(one["messages"]), 0, one["generation"].get<bool>());
    const auto where = fmt::format("{} with {}: {}", style, tokenizer, one["messages"].dump());
    EXPECT_EQ(got.ids, one["ids"].get<std::vector<int32_t>>()) << where;
    std::vector<int> trained(got.trained.begin(), got.trained.end());
    EXPECT_EQ(trained, one["trained"].get<std::vector<int>>()) << where;
    ++cases;
  }
  EXPECT_GT(cases, 60);
}

TEST_F(AgainstTransformers, ATemplateIsKnownByItsOwnTextAndByOtherSpellingsOfIt) {
  for (const auto& [name, tokenizer] : tokenizers_) {
    for (const ChatStyle& style : chat_styles()) {
      const ChatTemplate chat(style.name, tokenizer);
      EXPECT_EQ(ChatTemplate::choose("auto", chat.jinja(), tokenizer).name(), style.name);
    }
  }
  const Tokenizer& tokenizer = tokenizers_.at("no_bos");
  const ChatStyle* spelled =
      form_of_jinja(
          "{%  for message in messages  %}\n{{\"<|im_start|>\" + message[\"role\"] + \"\n\"+message"
          "['content'] + '<|im_end|>' + '\\n'}}{%endfor%}\n"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
          .style;
  ASSERT_NE(spelled, nullptr);
  EXPECT_EQ(spelled->name, "chatml");
  EXPECT_EQ(form_of_jinja("{% for x in messages %}{% endfor %}").style, nullptr);
  // A minus takes the blanks beside its bracket; without one they are text.
  EXPECT_EQ(canonical_jinja("a \n {{- x -}} \n b"), "a{{x}}b");
  EXPECT_EQ(canonical_jinja("a \n {{ x }} \n b"), "a \n {{x}} \n b");
  EXPECT_EQ(ChatTemplate::choose("auto", "", tokenizer).name(), "plain");
  EXPECT_EQ(ChatTemplate::choose("chatml", "whatever", tokenizer).name(), "chatml");
}

TEST_F(AgainstTransformers, NothingIsBehindAnAnswersEnd) {
  const ChatTemplate chat("chatml", tokenizers_.at("no_bos"));
  const PromptCodec codec(tokenizers_.at("no_bos"), &chat);
  const Messages asked{{"user", "Hi"}};
  const MaskedIds masked = codec.answered(RowText(asked), RowText(std::string("Hello")));
  EXPECT_EQ(masked.ids.back(), chat.stop_id());
  EXPECT_TRUE(masked.trained.back());
  EXPECT_NE(codec.conversation({{"user", "Hi"}, {"assistant", "Hello"}}).ids.back(),
            chat.stop_id());
}

TEST(ChatForms, TemplatesThatWriteOtherThanOursAreRefusedWithTheDifference) {
  const auto difference = [](std::string_view jinja) { return form_of_jinja(jinja).difference; };
  EXPECT_NE(difference("{{ eos_token + ' ' }}").find("a blank behind every answer"),
            std::string::npos);
  EXPECT_NE(difference("{{- 'Cutting Knowledge Date: ' }}").find("dates"), std::string::npos);
  EXPECT_EQ(difference("{{ messages }}"), "");
}

TEST_F(AgainstTransformers, AnUnknownTemplateIsRefusedWhereItIsNeeded) {
  const ChatTemplate chat = ChatTemplate::choose("auto", "{{ messages }}", tokenizers_.at("bos"));
  EXPECT_FALSE(chat.usable());
  EXPECT_EQ(chat.stop_id(), -1);
  tests::expect_user_error(base::kBadUsage, {"chat_template", "set sft.template"}, [&] {
    chat.render({{"user", "Hi"}});
  });
}

TEST_F(AgainstTransformers, AfterTheGenerationPromptComesTheAnswer) {
  for (const auto& [name, tokenizer] : tokenizers_) {
    for (const ChatStyle& style : chat_styles()) {
      const ChatTemplate chat(style.name, tokenizer);
      const PromptCodec codec(tokenizer, &chat);
      const Messages question{{"system", "Short."}, {"user", "What is light?"}};
      const std::vector<int32_t> prompt = codec.prompt(question);
      const MaskedIds both = codec.answered(question, std::string("A wave."));
      ASSERT_GT(both.ids.size(), prompt.size()) << style.name;
      const std::vector<int32_t> begin(both.ids.begin(),
                                       both.ids.begin() + static_cast<long>(prompt.size()));
      EXPECT_EQ(begin, prompt) << style.name << " with " << name;
      for (size_t i = 0; i < prompt.size(); ++i) EXPECT_FALSE(both.trained[i]) << style.name;
      EXPECT_TRUE(both.trained[prompt.size()]) << style.name;
      const auto stop = std::find(both.ids.begin() + static_cast<long>(prompt.size()),
                                  both.ids.end(), chat.stop_id());
      ASSERT_NE(stop, both.ids.end()) << style.name;
      EXPECT_TRUE(both.trained[static_cast<size_t>(stop - both.ids.begin())]) << style.name;
      // The same as turns, and as the whole conversation again.
      const Messages turn{{"assistant", "A wave."}};
      Messages whole = question;
      whole.push_back(turn[0]);
      EXPECT_EQ(codec.answered(question, turn).ids, both.ids);
      EXPECT_EQ(codec.answered(question, whole).ids, both.ids);
    }
  }
}

TEST_F(AgainstTransformers, MissingTokensAreNamed) {
  const ByteCodec bytes;
  tests::expect_user_error(base::kBadUsage,
                           {"chatml", "<|im_start|>, <|im_end|>", "tokenizer.train.special"},
                           [&] { ChatTemplate("chatml", bytes); });
  tests::expect_user_error(base::kBadUsage, {"there is no chat template 'chatmk'", "chatml"},
                           [&] { ChatTemplate("chatmk", bytes); });
}

TEST_F(AgainstTransformers, TurnsThatATemplateHasNoFormForAreRefused) {
  const ChatTemplate chat("mistral", tokenizers_.at("spaces"));
  tests::expect_user_error(base::kBadData, {"message 1 is the user's", "mistral"}, [&] {
    chat.render({{"user", "a"}, {"user", "b"}});
  });
}

TEST_F(AgainstTransformers, StringsAreTakenAsTheyAre) {
  const Tokenizer& tokenizer = tokenizers_.at("bos");
  const PromptCodec codec(tokenizer);
  const MaskedIds row = codec.answered(std::string("2+2="), std::string("4"));
  std::vector<int32_t> expected{*tokenizer.bos_id()};
  for (const int32_t id : tokenizer.encode("2+2=")) expected.push_back(id);
  const size_t prompt = expected.size();
  for (const int32_t id : tokenizer.encode("4")) expected.push_back(id);
  expected.push_back(*tokenizer.end_id());
  EXPECT_EQ(row.ids, expected);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(row.trained[i], i >= prompt);
  tests::expect_user_error(base::kBadUsage, {"messages need a chat template"}, [&] {
    codec.prompt(Messages{{"user", "Hi"}});
  });
}

}  // namespace
}  // namespace strata::data
