// Line charts as SVG that stands in a page: axes with ticks, a line or dots per series. Colours are
// CSS variables (--series-0 ...), so that the page decides how they look in light and dark. Knows
// no run.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata::trainer {

struct ChartSeries {
  std::string label;
  size_t colour = 0;    ///< number of the CSS variable
  bool dashed = false;  ///< with a dot at every point: for the few points of evaluations
  std::vector<std::pair<double, double>> points;  ///< x ascending; NaN and Inf leave a gap
};

/// `<svg ...>...</svg>`. Without a finite point it says so in the place of lines.
std::string svg_chart(std::string_view title, const std::vector<ChartSeries>& series);

/// Round numbers (1, 2 or 5 times a power of ten apart), all in [low, high], about `count` of them.
/// low < high.
std::vector<double> tick_values(double low, double high, int count);

/// At most 2 x `buckets` points that keep every bucket's lowest and highest value, so that spikes
/// stay visible.
std::vector<std::pair<double, double>> thinned(const std::vector<std::pair<double, double>>& points,
                                               size_t buckets);

/// Text with the characters that HTML and SVG take as markup made harmless.
std::string escape_html(std::string_view text);

}  // namespace strata::trainer
