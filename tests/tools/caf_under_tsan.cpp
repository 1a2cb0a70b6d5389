// Tells the thread sanitizer how CAF hands messages from thread to thread.
//
// CAF is the distribution's build and not instrumented: the sanitizer does not see the lock-free mailboxes
// and reference counts by which its threads are ordered, and would call every message a race. Suppressing
// what has CAF on its stack would hide all actors, which CAF calls. So the few functions of libcaf_core
// through which every message passes are defined here once more (the executable's definition comes before the
// library's), each calling the library's own: enqueueing releases the receiver, being activated or handed a
// message acquires it, a reference that is given up releases its object, and the last one acquires it. A
// message that nobody is handed, because its receiver ends first, is thrown away with what the mailbox holds:
// enqueueing releases the element too, and its end acquires it; so does the clock with one that is to be sent
// later. Linked into tests under -fsanitize=thread only; caf_handover_test.cpp walks each path. Objects come
// in as plain pointers, as the Itanium ABI passes them: no header of CAF is needed.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstddef>
#include <cstdlib>

namespace {

template <class F>
F* library(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) std::abort();  // another CAF: its names must be looked up anew
  return reinterpret_cast<F*>(found);
}

void release(void* what) { __tsan_release(what); }
void acquire(void* what) { __tsan_acquire(what); }

/// Looked at behind the sanitizer's back: a look of ours is no access of the program's.
__attribute__((no_sanitize("thread"))) bool is_last(const void* references) {
  return *static_cast<const volatile std::size_t*>(references) == 1;
}

void before_giving_up(void* object, const void* references) {
  release(object);
  if (is_last(references)) acquire(object);
}

/// `element` is a std::unique_ptr<mailbox_element, disposer>, passed by the address of the caller's.
void before_enqueueing(void* receiver, void* element) {
  release(receiver);
  release(*static_cast<void**>(element));
}

}  // namespace

#define REAL(name) static auto* const real = library<decltype(name)>(#name)

extern "C" {

// scheduled_actor::enqueue(mailbox_element_ptr, execution_unit*)
void _ZN3caf15scheduled_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_unitE(
    void* self, void* element, void* unit) {
  REAL(
      _ZN3caf15scheduled_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_unitE);
  before_enqueueing(self, element);
  real(self, element, unit);
}

// scheduled_actor::launch(execution_unit*, bool, bool)
void _ZN3caf15scheduled_actor6launchEPNS_14execution_unitEbb(void* self, void* unit, bool lazy, bool hide) {
  REAL(_ZN3caf15scheduled_actor6launchEPNS_14execution_unitEbb);
  release(self);
  real(self, unit, lazy, hide);
}

// scheduled_actor::activate(execution_unit*): the first thing in every resume
bool _ZN3caf15scheduled_actor8activateEPNS_14execution_unitE(void* self, void* unit) {
  REAL(_ZN3caf15scheduled_actor8activateEPNS_14execution_unitE);
  acquire(self);
  const bool alive = real(self, unit);
  release(self);
  return alive;
}

// scheduled_actor::reactivate(mailbox_element&): each message
int _ZN3caf15scheduled_actor10reactivateERNS_15mailbox_elementE(void* self, void* element) {
  REAL(_ZN3caf15scheduled_actor10reactivateERNS_15mailbox_elementE);
  acquire(self);
  const int result = real(self, element);
  release(self);
  return result;
}

// blocking_actor::enqueue(mailbox_element_ptr, execution_unit*)
void _ZN3caf14blocking_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_unitE(
    void* self, void* element, void* unit) {
  REAL(
      _ZN3caf14blocking_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_unitE);
  before_enqueueing(self, element);
  real(self, element, unit);
}

// blocking_actor::launch(execution_unit*, bool, bool)
void _ZN3caf14blocking_actor6launchEPNS_14execution_unitEbb(void* self, void* unit, bool lazy, bool hide) {
  REAL(_ZN3caf14blocking_actor6launchEPNS_14execution_unitEbb);
  release(self);
  real(self, unit, lazy, hide);
}

// blocking_actor::mailbox_visitor::operator()(mailbox_element&): each message; the actor is the visitor's
// first member
int _ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE(void** visitor, void* element) {
  REAL(_ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE);
  acquire(*visitor);
  return real(visitor, element);
}

// detail::thread_safe_actor_clock::schedule_message(time_point, strong_actor_ptr, mailbox_element_ptr): one
// that is not sent before the system ends, ends with the clock
void _ZN3caf6detail23thread_safe_actor_clock16schedule_messageENSt6chrono10time_pointINS2_3_V212steady_clockENS2_8durationIlSt5ratioILl1ELl1000000000EEEEEENS_13intrusive_ptrINS_19actor_control_blockEEESt10unique_ptrINS_15mailbox_elementENS0_8disposerEE(
    void* self, long time, void* receiver, void* element) {
  REAL(
      _ZN3caf6detail23thread_safe_actor_clock16schedule_messageENSt6chrono10time_pointINS2_3_V212steady_clockENS2_8durationIlSt5ratioILl1ELl1000000000EEEEEENS_13intrusive_ptrINS_19actor_control_blockEEESt10unique_ptrINS_15mailbox_elementENS0_8disposerEE);
  release(*static_cast<void**>(element));
  real(self, time, receiver, element);
}

// memory_managed::request_deletion(bool) const: the end of a mailbox element, handled or thrown away;
// memory_managed is an element's primary base, so both have one address
void _ZNK3caf14memory_managed16request_deletionEb(void* self, bool counted) {
  REAL(_ZNK3caf14memory_managed16request_deletionEb);
  acquire(self);
  real(self, counted);
}

// detail::message_data::shared() const, and as the table of type_erased_tuple calls it: a handler that takes
// T& writes into a message that nobody else refers to any more
bool _ZNK3caf6detail12message_data6sharedEv(void* self) {
  REAL(_ZNK3caf6detail12message_data6sharedEv);
  const bool shared = real(self);
  if (!shared) acquire(self);
  return shared;
}

bool _ZThn16_NK3caf6detail12message_data6sharedEv(void* base) {
  return _ZNK3caf6detail12message_data6sharedEv(static_cast<char*>(base) - 16);
}

// ref_counted::deref() const: messages, behaviours; the count follows the pointer to the virtual functions
void _ZNK3caf11ref_counted5derefEv(void* self) {
  REAL(_ZNK3caf11ref_counted5derefEv);
  before_giving_up(self, static_cast<const std::size_t*>(self) + 1);
  real(self);
}

// intrusive_ptr_release(actor_control_block*): strong references to actors, counted first
void _ZN3caf21intrusive_ptr_releaseEPNS_19actor_control_blockE(void* block) {
  REAL(_ZN3caf21intrusive_ptr_releaseEPNS_19actor_control_blockE);
  before_giving_up(block, block);
  real(block);
}

// intrusive_ptr_release_weak(actor_control_block*): counted second
void _ZN3caf26intrusive_ptr_release_weakEPNS_19actor_control_blockE(void* block) {
  REAL(_ZN3caf26intrusive_ptr_release_weakEPNS_19actor_control_blockE);
  before_giving_up(block, static_cast<const std::size_t*>(block) + 1);
  real(block);
}

}  // extern "C"
