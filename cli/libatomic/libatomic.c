// The one function of libatomic that Node.js 26 needs, for machines without libatomic1 (cli/find-node).
// GCC's manual, "__atomic Builtins", says what it has to do. Built by build.sh.
typedef unsigned char byte;
typedef __SIZE_TYPE__ size;

static byte lock;

#define COMPARE_EXCHANGE(type)                                                                   \
  return __atomic_compare_exchange((type *)object, (type *)expected, (type *)desired, 0,         \
                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

_Bool compare_exchange(size bytes, void *object, void *expected, void *desired, int success,
                       int failure) __asm__("__atomic_compare_exchange");

// The strongest order of memory stands for all that may be asked for.
_Bool compare_exchange(size bytes, void *object, void *expected, void *desired, int success,
                       int failure) {
  // Processors promise atomic access of these sizes at multiples of themselves only.
  if (((size)object & (bytes - 1)) == 0) switch (bytes) {
    case 1: COMPARE_EXCHANGE(byte);
    case 2: COMPARE_EXCHANGE(unsigned short);
    case 4: COMPARE_EXCHANGE(unsigned int);
    case 8: COMPARE_EXCHANGE(unsigned long);
  }
  byte *at = object, *old = expected, *new = desired;
  _Bool equal = 1;
  while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE));
  for (size i = 0; i < bytes; i++) equal &= at[i] == old[i];
  for (size i = 0; i < bytes; i++) *(equal ? &at[i] : &old[i]) = equal ? new[i] : at[i];
  __atomic_clear(&lock, __ATOMIC_RELEASE);
  return equal;
}
