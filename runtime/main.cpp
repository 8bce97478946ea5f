#include "runtime/options.h"
#include <stdio.h>
int main(int argc, char** argv) {
  shrike::Diagnostics d; shrike::SourceMap s;
  auto o = shrike::parse_options({argv+1, argv+argc}, d);
  for (auto& x : d.all()) fputs(shrike::render(x, s, {}).c_str(), stderr);
  return !o;
}
