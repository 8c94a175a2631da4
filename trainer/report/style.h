// How the report looks, in light and in dark. Eight colours that stay apart on both grounds; the
// ninth run begins again with the first.
#pragma once

#include <cstddef>
#include <string_view>

namespace strata::trainer {

inline constexpr size_t kSeriesColours = 8;

inline constexpr std::string_view kReportStyle = R"css(
:root { color-scheme: light dark; --ground: #fff; --ink: #1c2024; --soft: #667; --rule: #dde1e6; --mark: #fff3c4;
  --series-0: #1f6fd6; --series-1: #d9570b; --series-2: #138a4b; --series-3: #b3258f;
  --series-4: #8a6d00; --series-5: #0b8793; --series-6: #c2262e; --series-7: #5b4bc4; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171a; --ink: #e4e7eb; --soft: #9aa3ad; --rule: #333a42; --mark: #4a3d10;
  --series-0: #6aa8ff; --series-1: #ff9655; --series-2: #4fd08a; --series-3: #f07fd3;
  --series-4: #e0bf3c; --series-5: #45cbd8; --series-6: #ff7a80; --series-7: #a99bff; } }
body { background: var(--ground); color: var(--ink); font: 15px/1.45 system-ui, sans-serif;
  max-width: 1180px; margin: 2em auto; padding: 0 1.2em; }
h1 { font-size: 1.4em; } h2 { font-size: 1.15em; margin-top: 2em; } h3 { font-size: 1em; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1em; }
figure { margin: 0; border: 1px solid var(--rule); border-radius: 6px; padding: 6px; }
svg { width: 100%; height: auto; display: block; }
svg .title { font-size: 14px; font-weight: 600; fill: var(--ink); }
svg .tick { font-size: 12px; fill: var(--soft); }
svg .grid { stroke: var(--rule); } svg .axis { stroke: var(--soft); }
svg .line { fill: none; stroke: var(--colour); stroke-width: 1.8; stroke-linejoin: round; }
svg .dashed { stroke-dasharray: 6 4; } svg circle { fill: var(--colour); }
.legend span { margin-right: 1.4em; white-space: nowrap; }
.legend i { display: inline-block; width: 22px; height: 4px; border-radius: 2px; margin-right: 6px;
  vertical-align: middle; background: var(--colour); }
small, summary { color: var(--soft); } summary { cursor: pointer; margin: 0.8em 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 3px 12px 3px 0; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; } .number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.text { white-space: pre-wrap; } .differs > * { background: var(--mark); }
)css";

}  // namespace strata::trainer
