// How an object file names functions of the kernel: as C declares them in section `.ksyms`. libbpf compares the types with the
// kernel's, by kind.
#include "backend-bpf/btf_bytes.h"

namespace shrike::bpf {

namespace {

class KernelFunctionTypes {
 public:
  KernelFunctionTypes(BtfBytes& btf, uint32_t integer) : btf_(btf), integer_(integer) {}

  uint32_t add(mir::HelperId id) {
    constexpr uint32_t linkage_extern = 2;
    const mir::HelperRow& row = mir::row_of(id);
    std::vector<uint32_t> parameters;
    for (mir::HelperOperand operand : row.operands)
      parameters.push_back(operand == mir::HelperOperand::iter ? iterator_pointer() : integer_);
    const uint32_t prototype = btf_.type("", btf_func_proto, static_cast<uint32_t>(parameters.size()), result_of(row.result));
    for (uint32_t parameter : parameters) {
      btf_.word(btf_.string("x"));
      btf_.word(parameter);
    }
    return btf_.type(mir::kernel_name_of(id), btf_func, linkage_extern, prototype);
  }

 private:
  uint32_t result_of(mir::HelperResult result) {
    if (result == mir::HelperResult::none) return 0;
    if (result != mir::HelperResult::number_or_null) return integer_;
    return btf_.type("", btf_ptr, 0, integer_);
  }

  uint32_t iterator_pointer() {
    if (iterator_pointer_ == 0) iterator_pointer_ = btf_.type("", btf_ptr, 0, btf_.type("bpf_iter_num", btf_struct, 0, 8));
    return iterator_pointer_;
  }

  BtfBytes& btf_;
  uint32_t integer_;
  uint32_t iterator_pointer_ = 0;
};

}  // namespace

void add_kernel_function_types(BtfBytes& btf, uint32_t integer, const std::set<mir::HelperId>& functions) {
  if (functions.empty()) return;
  KernelFunctionTypes types(btf, integer);
  std::vector<uint32_t> made;
  for (mir::HelperId function : functions) made.push_back(types.add(function));
  btf.type(".ksyms", btf_datasec, static_cast<uint32_t>(made.size()), 0);
  for (uint32_t type : made)
    for (uint32_t word : {type, uint32_t{0}, uint32_t{0}}) btf.word(word);
}

}  // namespace shrike::bpf
