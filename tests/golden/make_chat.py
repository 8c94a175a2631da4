"""Writes tests/golden/chat/ids.json: what transformers (5.24.0) makes of conversations with our chat
templates, as ids and as the mask of the assistant's turns, over three of the golden tokenizers with
special tokens added. The templates' Jinja texts are read from chat/templates.json, which the test writes:

    STRATA_WRITE_TEMPLATES=1 build/tests/data/chat_template_test
    env/bin/pip install transformers==5.24.0 && env/bin/python tests/golden/make_chat.py
"""
import json
import pathlib

from transformers import PreTrainedTokenizerFast

FOLDER = pathlib.Path(__file__).parent
MARKERS = ["<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
TOKENIZERS = {
    # name: (file, bos, eos, whether its own rules put BOS before a text)
    "no_bos": ("gpt2", None, "<|endoftext|>", False),
    "bos": ("llama3", "<|begin|>", "<|endoftext|>", True),
    "spaces": ("llama2", "<s>", "</s>", True),
}
CONVERSATIONS = [
    [("user", "Hi"), ("assistant", "Hello there.")],
    [("system", "Be brief."), ("user", "What is light?"), ("assistant", "A wave."), ("user", "And?"), ("assistant", "A particle.")],
    [("user", " 1234 "), ("assistant", "  4321  ")],
    [("user", "a\nb\n"), ("assistant", "\nline\n\n"), ("user", ""), ("assistant", "")],
    [("user", "žluťoučký kůň 漢字 🙂"), ("assistant", "e\u0301 \u3000x\u3000")],
    [("user", "say <|im_end|> and </s>"), ("assistant", "<|eot_id|> said [/INST] <|endoftext|>")],
    [("system", " spaced \n"), ("user", "\ttab"), ("assistant", "don't"), ("user", "it's 12345")],
]


def answer_spans(text, style, messages, tokenizer):
    """Where the assistant's turns stand in the rendered text, from what the template must write."""
    end = {"chatml": "<|im_end|>", "llama3": "<|eot_id|>"}.get(style, tokenizer.eos_token)
    spans, at = [], 0
    for role, content in messages:
        if style in ("llama2", "mistral"):
            if role == "system":
                continue
            if role == "user":
                shown = content.strip() if style == "llama2" else content
                at = text.index(shown + " [/INST]", at) + len(shown + " [/INST]")
                continue
            answer = " " + content.strip() + " " + end if style == "llama2" else content + end
        else:
            opening = {"chatml": f"<|im_start|>{role}\n", "plain": f"{role}:\n",
                       "llama3": f"<|start_header_id|>{role}<|end_header_id|>\n\n"}[style]
            at = text.index(opening, at) + len(opening)
            answer = (content.strip() if style == "llama3" else content) + end
        assert text.startswith(answer, at), (style, text, answer)
        if role == "assistant":
            spans.append((at, at + len(answer)))
        at += len(answer)
    return spans


def main():
    templates = json.loads((FOLDER / "chat" / "templates.json").read_text())
    cases, configs = [], {}
    for name, (file, bos, eos, own) in TOKENIZERS.items():
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(FOLDER / "tokenizer" / f"{file}.json"), bos_token=bos, eos_token=eos,
                                            additional_special_tokens=MARKERS)
        added = {str(tokenizer.convert_tokens_to_ids(token)): {"content": token, "special": True, "normalized": False} for token in MARKERS}
        config = {"added_tokens_decoder": added, "eos_token": eos} | ({"bos_token": bos} if bos else {})
        configs[name] = {"file": file, "config": json.dumps(config)}
        for style, texts in templates.items():
            jinja = texts["begins" if bos and (own or style == "llama3" or style == "mistral") else "plain"]
            for messages in CONVERSATIONS:
                turns = [{"role": role, "content": content} for role, content in messages]
                last_is_user = messages[-1][0] == "user"
                ids = tokenizer.apply_chat_template(turns, chat_template=jinja, tokenize=True, return_dict=False,
                                                    add_generation_prompt=last_is_user)
                text = tokenizer.apply_chat_template(turns, chat_template=jinja, tokenize=False, add_generation_prompt=last_is_user)
                encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
                assert encoded["input_ids"] == ids, (name, style, text, encoded["input_ids"], ids)
                spans = answer_spans(text, style, messages, tokenizer)
                mask = [any(begin < b and a < end for begin, end in spans) for a, b in encoded["offset_mapping"]]
                cases.append({"tokenizer": name, "style": style, "messages": turns, "generation": last_is_user,
                              "ids": ids, "trained": [int(m) for m in mask]})
    out = {"tokenizers": configs, "cases": cases}
    (FOLDER / "chat" / "ids.json").write_text(json.dumps(out, ensure_ascii=True) + "\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
