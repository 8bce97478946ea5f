// The table of aggregations. Their storage is in mir/type.h, their update in passes/expand_aggregates.cpp, their printed
// form in runtime/.
#include "frontend/checker.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;

namespace {

constexpr AggregationRow rows[] = {
    {"count", "", 0, 0, TypeKind::count, "how often this was reached"},
    {"sum", "n", 1, 1, TypeKind::sum, "sum of the values"},
    {"min", "n", 1, 1, TypeKind::min, "smallest value"},
    {"max", "n", 1, 1, TypeKind::max, "largest value"},
    {"avg", "n", 1, 1, TypeKind::avg, "average of the values"},
    {"stats", "n", 1, 1, TypeKind::stats, "count, average and total of the values"},
    {"hist", "n, [bits]", 1, 2, TypeKind::hist, "histogram by powers of two, each split into 2^bits"},
    {"tseries", "n, interval, count, [\"avg\", \"max\", \"min\" or \"sum\"]", 3, 4, TypeKind::tseries,
     "what the values were in each interval of time, of which the last `count` are kept: the last value, or as said"},
    {"lhist", "n, min, max, step", 4, 4, TypeKind::lhist, "histogram with buckets of equal width"},
};

constexpr int64_t max_hist_bits = 5;
constexpr int64_t max_lhist_buckets = 1000;
constexpr int64_t max_intervals = 1000000;

const Type* check_hist(Checker& checker, const ast::Call& call) {
  if (call.args.size() == 1) return checker.types().hist(0);
  std::optional<int64_t> bits = checker.constant_integer(call.args[1], "the second argument of `hist`");
  if (!bits) return nullptr;
  if (*bits < 0 || *bits > max_hist_bits) {
    checker.report(Diag::out_of_range, call.args[1]->span,
                   {"the number of bits", std::to_string(*bits), "0", std::to_string(max_hist_bits)});
    return nullptr;
  }
  return checker.types().hist(static_cast<uint32_t>(*bits));
}

const Type* check_lhist(Checker& checker, const ast::Expr& expr, const ast::Call& call) {
  int64_t values[3];
  for (size_t i = 0; i < 3; i++) {
    std::optional<int64_t> value = checker.constant_integer(call.args[i + 1], "a bound of `lhist`");
    if (!value) return nullptr;
    values[i] = *value;
  }
  auto [min, max, step] = values;
  if (min < 0 || max <= min || step <= 0) {
    checker.report(Diag::bad_lhist, expr.span).with_hint("lhist(n, min, max, step) wants 0 <= min < max and step > 0");
    return nullptr;
  }
  if ((max - min) / step > max_lhist_buckets) {
    checker.report(Diag::out_of_range, expr.span,
                   {"the number of buckets", std::to_string((max - min) / step), "1", std::to_string(max_lhist_buckets)});
    return nullptr;
  }
  return checker.types().lhist(min, max, step);
}

const Type* check_tseries(Checker& checker, const ast::Call& call, bool is_signed) {
  std::optional<int64_t> interval = checker.constant_integer(call.args[1], "the interval of `tseries`");
  std::optional<int64_t> count = checker.constant_integer(call.args[2], "the number of intervals of `tseries`");
  mir::SeriesFold fold = mir::SeriesFold::last;
  if (call.args.size() > 3) {
    std::optional<std::string_view> name = checker.constant_string(call.args[3], "what `tseries` keeps");
    if (!name) return nullptr;
    std::optional<mir::SeriesFold> found = mir::find_series_fold(*name);
    if (!found || *found == mir::SeriesFold::last) {
      checker.report(Diag::bad_argument, call.args[3]->span,
                     {"tseries", "\"avg\", \"max\", \"min\" or \"sum\"", "\"" + std::string(*name) + "\""});
      return nullptr;
    }
    fold = *found;
  }
  if (!interval || !count) return nullptr;
  if (*interval < 1) {
    checker.report(Diag::out_of_range, call.args[1]->span,
                   {"the interval", std::to_string(*interval), "1", std::to_string(INT64_MAX)});
    return nullptr;
  }
  if (*count < 1 || *count > max_intervals) {
    checker.report(Diag::out_of_range, call.args[2]->span,
                   {"the number of intervals", std::to_string(*count), "1", std::to_string(max_intervals)});
    return nullptr;
  }
  return checker.types().tseries(*interval, static_cast<uint32_t>(*count), fold, is_signed);
}

}  // namespace

std::span<const AggregationRow> all_aggregations() {
  return rows;
}

const AggregationRow* find_aggregation(std::string_view name) {
  for (const AggregationRow& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

const Type* check_aggregation(Checker& checker, const ast::Expr& expr, const ast::Call& call, const AggregationRow& row) {
  if (call.args.size() < row.min_args || call.args.size() > row.max_args) {
    checker
        .report(Diag::wrong_argument_count, expr.span,
                {std::string(row.name),
                 row.min_args == row.max_args ? std::to_string(row.min_args)
                                              : std::to_string(row.min_args) + " to " + std::to_string(row.max_args),
                 std::to_string(call.args.size())})
        .with_hint("`" + std::string(row.name) + "(" + std::string(row.params) + ")`");
    return nullptr;
  }
  bool is_signed = true;
  if (row.min_args != 0) {
    if (!checker.integer(call.args[0], "the value of `" + std::string(row.name) + "`")) return nullptr;
    is_signed = read_as(checker.note(call.args[0]).type, checker.types())->is_signed;
  }
  switch (row.kind) {
    case TypeKind::count: return checker.types().simple(TypeKind::count);
    case TypeKind::hist: return check_hist(checker, call);
    case TypeKind::tseries: return check_tseries(checker, call, is_signed);
    case TypeKind::lhist: return check_lhist(checker, expr, call);
    default: return checker.types().aggregate(row.kind, is_signed);
  }
}

}  // namespace shrike
