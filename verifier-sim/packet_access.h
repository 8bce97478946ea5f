// What socket filters may do with the packet: fields of their context, fields of the socket that it names, and loads out of it.
#pragma once

#include <cstdint>

#include "verifier-sim/walk.h"

namespace shrike::sim {

bool may_access_packet_ctx(const Profile& profile, int64_t offset, unsigned size, bool writes);

// Gives the context's field that is a pointer: the packet's socket, or null. False: this field is none.
bool load_packet_socket(Walk& w, int64_t offset, Register& into);

struct SocketReach {
  unsigned reg = 0;
  int64_t offset = 0;
  unsigned size = 0;
  bool writes = false;
};
bool check_socket_access(Walk& w, const SocketReach& a);

// BPF_LD with mode ABS or IND.
bool transfer_packet_load(Walk& w);

}  // namespace shrike::sim
