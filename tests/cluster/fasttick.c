/* slurmctld looks for batch jobs to start once in ten naps of 100 ms. Tests should not wait for that: naps of 5 ms. */
#include <time.h>
#include <unistd.h>

int usleep(useconds_t microseconds) {
  if (microseconds == 100000) microseconds = 5000;
  struct timespec nap = {microseconds / 1000000, (microseconds % 1000000) * 1000L};
  return nanosleep(&nap, 0);
}
