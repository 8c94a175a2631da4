#include "trainer/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/format.h"

namespace strata::trainer {
namespace {

constexpr double kWidth = 560, kHeight = 300;
constexpr double kLeft = 62, kRight = 14, kTop = 34, kBottom = 40;
constexpr size_t kBuckets = 400;  // a bucket is about a pixel wide

using Point = std::pair<double, double>;

bool is_finite(const Point& point) {
  return std::isfinite(point.first) && std::isfinite(point.second);
}

/// From data to the picture.
struct Axes {
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  double x(double value) const {
    return kLeft + (value - x_low) / (x_high - x_low) * (kWidth - kLeft - kRight);
  }
  double y(double value) const {
    return kHeight - kBottom - (value - y_low) / (y_high - y_low) * (kHeight - kTop - kBottom);
  }
};

/// A range of no width is opened, so that a constant lies in the middle.
void open_range(double& low, double& high) {
  if (low < high) return;
  const double margin = low == 0 ? 1 : std::abs(low) * 0.1;
  low -= margin;
  high += margin;
}

Axes axes_of(const std::vector<Point>& points) {
  Axes axes{points[0].first, points[0].first, points[0].second, points[0].second};
  for (const auto& [x, y] : points) {
    axes.x_low = std::min(axes.x_low, x);
    axes.x_high = std::max(axes.x_high, x);
    axes.y_low = std::min(axes.y_low, y);
    axes.y_high = std::max(axes.y_high, y);
  }
  open_range(axes.x_low, axes.x_high);
  open_range(axes.y_low, axes.y_high);
  const double margin = (axes.y_high - axes.y_low) * 0.04;
  axes.y_low -= margin;
  axes.y_high += margin;
  return axes;
}

std::string tick_label(double value) {
  return std::abs(value) >= 10000 ? base::format_count(value) : fmt::format("{:.4g}", value);
}

std::string frame(const Axes& axes) {
  std::string svg;
  for (const double value : tick_values(axes.y_low, axes.y_high, 6)) {
    svg += fmt::format(
        "<line class='grid' x1='{:.1f}' x2='{:.1f}' y1='{:.1f}' y2='{:.1f}'/>"
        "<text class='tick' text-anchor='end' x='{:.1f}' y='{:.1f}'>{}</text>\n",
        kLeft, kWidth - kRight, axes.y(value), axes.y(value), kLeft - 6, axes.y(value) + 4,
        tick_label(value));
  }
  const double bottom = kHeight - kBottom;
  for (const double value : tick_values(axes.x_low, axes.x_high, 7)) {
    svg += fmt::format(
        "<line class='axis' x1='{:.1f}' x2='{:.1f}' y1='{:.1f}' y2='{:.1f}'/>"
        "<text class='tick' text-anchor='middle' x='{:.1f}' y='{:.1f}'>{}</text>\n",
        axes.x(value), axes.x(value), bottom, bottom + 4, axes.x(value), bottom + 17,
        tick_label(value));
  }
  svg += fmt::format("<path class='axis' fill='none' d='M{0} {1}V{2}H{3}'/>\n", kLeft, kTop, bottom,
                     kWidth - kRight);
  svg += fmt::format("<text class='tick' text-anchor='end' x='{}' y='{}'>step</text>\n",
                     kWidth - kRight, kHeight - 6);
  return svg;
}

std::string line_of(const ChartSeries& series, const Axes& axes) {
  std::string path, dots;
  bool pen_down = false;
  for (const Point& point : thinned(series.points, kBuckets)) {
    if (!is_finite(point)) {
      pen_down = false;
      continue;
    }
    const double x = axes.x(point.first), y = axes.y(point.second);
    path += fmt::format("{}{:.1f} {:.1f}", pen_down ? 'L' : 'M', x, y);
    pen_down = true;
    if (series.dashed) {
      dots += fmt::format(
          "<circle cx='{:.1f}' cy='{:.1f}' r='3'><title>step {:g}: {:.5g}</title></circle>", x, y,
          point.first, point.second);
    }
  }
  return fmt::format(
      "<g style='--colour:var(--series-{})'><title>{}</title>"
      "<path class='line{}' d='{}'/>{}</g>\n",
      series.colour, escape_html(series.label), series.dashed ? " dashed" : "", path, dots);
}

}  // namespace

std::vector<double> tick_values(double low, double high, int count) {
  const double rough = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double factor = rough / power;
  const double step = power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
  std::vector<double> values;
  const double slack = step * 1e-9;  // rounding must not lose the tick on the edge
  for (double n = std::ceil((low - slack) / step); n * step <= high + slack; ++n) {
    values.push_back(n == 0 ? 0 : n * step);
  }
  return values;
}

std::vector<Point> thinned(const std::vector<Point>& points, size_t buckets) {
  if (points.size() <= 2 * buckets) return points;
  std::vector<Point> kept;
  for (size_t bucket = 0; bucket < buckets; ++bucket) {
    const auto begin = points.begin() + static_cast<ptrdiff_t>(points.size() * bucket / buckets);
    const auto end =
        points.begin() + static_cast<ptrdiff_t>(points.size() * (bucket + 1) / buckets);
    // A gap outlives the thinning.
    const auto gap = std::find_if_not(begin, end, is_finite);
    if (gap != end) {
      kept.push_back(*gap);
      continue;
    }
    const auto [lowest, highest] = std::minmax_element(
        begin, end, [](const Point& a, const Point& b) { return a.second < b.second; });
    kept.push_back(*std::min(lowest, highest));
    if (lowest != highest) kept.push_back(*std::max(lowest, highest));
  }
  return kept;
}

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string svg_chart(std::string_view title, const std::vector<ChartSeries>& series) {
  std::vector<Point> finite;
  for (const ChartSeries& one : series) {
    std::ranges::copy_if(one.points, std::back_inserter(finite), is_finite);
  }
  std::string svg = fmt::format(
      "<svg viewBox='0 0 {0} {1}' role='img' aria-label='{2}'>\n"
      "<text class='title' x='{3}' y='18'>{2}</text>\n",
      kWidth, kHeight, escape_html(title), kLeft);
  if (finite.empty()) {
    svg += fmt::format("<text class='tick' x='{}' y='{}'>no finite values</text>\n", kLeft,
                       kHeight / 2);
    return svg + "</svg>\n";
  }
  const Axes axes = axes_of(finite);
  svg += frame(axes);
  for (const ChartSeries& one : series) svg += line_of(one, axes);
  return svg + "</svg>\n";
}

}  // namespace strata::trainer
