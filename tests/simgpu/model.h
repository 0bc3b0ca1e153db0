/* The simulated machine of nvml.c: its state, who lives on it, its power and its energy.
 *
 * The state is a file that all processes map, with the layout of simgpu_state.py, which also says
 * what the fields mean. Energies are closed formulas: nothing is sampled or added up over time.
 */
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MIGS = 7, SLOTS = 1024, FAILURES = 32, DEVICES = 4, STOPS = 128, XIDS = 8, LAYOUT_VERSION = 6 };
enum { PACES = 64 };
enum { SERVERS = 256, SERVER_MIB = 30 };
enum { GPM = 11 }; /* what its counters count, see simgpu_state.py */
enum { COMPUTE, GRAPHICS, HIDDEN };
enum { LEVEL, SQUARE, RAMP };
enum { SHOWN, LISTS_HIDDEN, WITHOUT_MEMORY };

/* Slots are taken in the order of their starts, and none is used twice. */
#define EACH_SLOT(each) \
    for (struct slot *each = state->slots; each < state->slots + SLOTS && each->used; each++)
#define EACH_SERVER(each) \
    for (struct server *each = state->servers; each < state->servers + SERVERS && each->used; each++)

struct failure {
    int32_t result, device;
    char name[56];
};

struct device {
    char name[96], uuid[96];
    double idle_w, power_limit_w, counter_from_s;
    uint64_t counter_base_mj;
    double power_period_s, counter_period_s, average_s, usage_average_s, sample_buffer_s;
    double idle_c, c_per_w;
    uint64_t event_reasons;
    uint32_t sm_clock_mhz, memory_clock_mhz, memory_total_mib, memory_reserved_mib;
    int32_t mig, mps_pid, pid_offset, processes;
    int64_t calls, calls_left;
    uint64_t ecc_corrected, ecc_uncorrected, xid_count, xids[XIDS];
    double held_by_power, held_by_heat;
    char mig_profiles[128];
    int32_t compute_mode, unused;
    double power_default_w, power_least_w;
    uint32_t sm_locked_mhz, memory_locked_mhz, sm_application_mhz, memory_application_mhz;
    int32_t persistence, ignores_settings;
    int64_t pace_count;
    double paces[PACES][2];
    int32_t gpm_missing, gpm_disturbed;
    double gpm_wraps_at;
};

struct slot {
    int32_t used, held, pid, device, mig, kind, shape, sm_percent, mps_server, unused;
    double thread_percent, pinned_mib;
    double memory_mib, start_s, end_s, watts, low_watts, period_s, duty, shared_watts;
    double seen_s;
    int64_t stop_count;
    double stops[STOPS][2];
    double gpm[GPM];
};

/* An MPS server: it holds a context on each board of its mask of them, until its process ends. */
struct server {
    int32_t used, ended, pid;
    uint32_t boards;
};

struct state {
    uint32_t version, size, device_count, unused;
    char driver[80], nvml_version[80];
    struct failure failures[FAILURES];
    struct device devices[DEVICES];
    struct slot slots[SLOTS];
    struct server servers[SERVERS];
};

static struct state *state;
static int state_file = -1;

/* Map the state that SIMGPU_STATE names; 0, or -1 with the reason on stderr. */
static int open_state(void) {
    const char *path = getenv("SIMGPU_STATE");
    struct stat found;
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0 || fstat(file, &found) || found.st_size != sizeof *state) {
        fprintf(stderr, "simgpu: no state in SIMGPU_STATE=%s\n", path ? path : "");
        return -1;
    }
    void *map = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map == MAP_FAILED) return -1;
    struct state *opened = map;
    if (opened->version != LAYOUT_VERSION || opened->size != sizeof *state) {
        fprintf(stderr, "simgpu: the state in %s has another layout\n", path);
        return -1;
    }
    state_file = file;
    state = opened;
    return 0;
}

/* Put the profile of an instance, a word of the device's list, into `text`; 0 if it has no such. */
static int profile_of(const struct device *device, int mig, char text[32]) {
    const char *word = device->mig ? device->mig_profiles : "";
    for (int number = 0; *(word += strspn(word, " ")); number++, word += strcspn(word, " ")) {
        if (number != mig) continue;
        snprintf(text, 32, "%.*s", (int)strcspn(word, " "), word);
        return 1;
    }
    return 0;
}

/* The gigabytes that a profile names: 40 of "1c.3g.40gb". */
static double profile_gb(const char *profile) {
    const char *last = strrchr(profile, '.');
    return last ? strtod(last + 1, NULL) : 0;
}

static double clock_s(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double now_s(void) { return clock_s(CLOCK_BOOTTIME); }

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The time of the last update before `at_s` where values are renewed once a period. */
static double updated_s(double at_s, double period_s) {
    return period_s > 0 ? floor(at_s / period_s) * period_s : at_s;
}

static double end_s(const struct slot *slot) { return slot->end_s > 0 ? slot->end_s : INFINITY; }

static int lives(const struct slot *slot, double at_s) {
    return slot->start_s <= at_s && at_s < end_s(slot);
}

/* Tell whether the process that holds a part of the state has gone; learn its pid if not. */
static int is_gone(const void *part, int32_t *pid) {
    off_t place = (const char *)part - (char *)state;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = place, .l_len = 1};
    if (fcntl(state_file, F_GETLK, &lock)) return 0;
    if (lock.l_type != F_UNLCK && lock.l_pid > 0) *pid = lock.l_pid;
    return lock.l_type == F_UNLCK;
}

/* End the loads whose process has gone, and learn the pids of the others as seen from here. */
static void look(void) {
    EACH_SERVER(server)
        if (!server->ended && is_gone(server, &server->pid)) server->ended = 1;
    EACH_SLOT(slot) {
        if (!slot->held || slot->end_s > 0 || !is_gone(slot, &slot->pid)) continue;
        uint64_t nothing = 0, bits;
        double now = now_s();
        memcpy(&bits, &now, sizeof bits);
        __atomic_compare_exchange_n((uint64_t *)(void *)&slot->end_s, &nothing, bits, 0,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

static double overlap_s(double from_s, double to_s, double begin_s, double until_s) {
    return fmax(fmin(to_s, until_s) - fmax(from_s, begin_s), 0);
}

/* Tell whether the process of a load is stopped at the moment. */
static int is_stopped(const struct slot *slot) {
    char path[32], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", slot->pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    const char *name_end = strrchr(text, ')');
    return name_end && !strncmp(name_end, ") T", 3);
}

/* For how long, between two moments, a load lived and its process was not stopped. */
static double running_s(const struct slot *slot, double from_s, double to_s) {
    double sum_s = overlap_s(from_s, to_s, slot->start_s, end_s(slot));
    int64_t count = __atomic_load_n(&slot->stop_count, __ATOMIC_ACQUIRE);
    for (int64_t i = count > STOPS ? count - STOPS : 0; i < count; i++)
        sum_s -= overlap_s(from_s, to_s, slot->stops[i % STOPS][0], slot->stops[i % STOPS][1]);
    if (slot->seen_s > 0 && !(slot->end_s > 0) && is_stopped(slot))
        sum_s -= overlap_s(from_s, to_s, slot->seen_s, INFINITY);
    return fmax(sum_s, 0);
}

/* The mean SM utilisation of a load between two moments of its life, in percent. */
static int sm_percent(const struct slot *slot, double from_s, double to_s) {
    if (to_s <= from_s || !(slot->seen_s > 0)) return slot->sm_percent;
    return (int)lround(slot->sm_percent * running_s(slot, from_s, to_s) / (to_s - from_s));
}

/* The energy of a load alone on its device from its start to `age_s` later. */
static double shape_j(const struct slot *slot, double age_s) {
    double high = slot->watts, low = slot->low_watts, period = slot->period_s;
    if (slot->shape == SQUARE) {
        double periods = floor(age_s / period), rest = age_s - periods * period;
        double on = slot->duty * period;
        return periods * (on * high + (period - on) * low) + high * fmin(rest, on) +
               low * fmax(rest - on, 0);
    }
    if (slot->shape == RAMP) {
        double rising = fmin(age_s, period);
        return low * rising + (high - low) * rising * rising / (2 * period) +
               high * fmax(age_s - period, 0);
    }
    return high * age_s;
}

static double shape_w(const struct slot *slot, double age_s) {
    double high = slot->watts, low = slot->low_watts, period = slot->period_s;
    if (slot->shape == SQUARE) {
        return age_s - floor(age_s / period) * period < slot->duty * period ? high : low;
    }
    if (slot->shape == RAMP) return low + (high - low) * fmin(age_s / period, 1);
    return high;
}

static double between_j(const struct slot *slot, double from_s, double to_s) {
    return shape_j(slot, to_s - slot->start_s) - shape_j(slot, from_s - slot->start_s);
}

static double slot_j(const struct slot *slot, double from_s, double to_s) {
    double at_s = fmax(from_s, slot->start_s), energy_j = 0;
    to_s = fmin(to_s, end_s(slot));
    if (to_s <= at_s) return 0;
    if (slot->shared_watts >= 0) { /* the others come in the order of their starts */
        EACH_SLOT(other) {
            double begin_s = fmax(other->start_s, at_s), until_s = fmin(end_s(other), to_s);
            if (other == slot || other->device != slot->device || until_s <= begin_s) continue;
            energy_j += between_j(slot, at_s, begin_s) + slot->shared_watts * (until_s - begin_s);
            at_s = until_s;
        }
    }
    return energy_j + between_j(slot, at_s, to_s);
}

static double slot_w(const struct slot *slot, double at_s) {
    if (!lives(slot, at_s)) return 0;
    if (slot->shared_watts >= 0) {
        EACH_SLOT(other)
            if (other != slot && other->device == slot->device && lives(other, at_s))
                return slot->shared_watts;
    }
    return shape_w(slot, at_s - slot->start_s);
}

static double loads_j(int index, double from_s, double to_s) {
    double energy_j = 0;
    EACH_SLOT(slot)
        if (slot->device == index) energy_j += slot_j(slot, from_s, to_s);
    return energy_j;
}

static int64_t pace_count(const struct device *device) {
    return __atomic_load_n(&device->pace_count, __ATOMIC_ACQUIRE);
}

/* Loads draw as much less as the limits lower the SM clock, from the moment that they are set. */
static double board_j(int index, double from_s, double to_s) {
    const struct device *device = &state->devices[index];
    int64_t count = pace_count(device);
    double energy_j = device->idle_w * (to_s - from_s), at_s = from_s, pace = 1;
    for (int64_t i = 0; i < count && device->paces[i][0] < to_s; i++) {
        double changed_s = device->paces[i][0];
        if (changed_s > at_s) {
            energy_j += pace * loads_j(index, at_s, changed_s);
            at_s = changed_s;
        }
        pace = device->paces[i][1];
    }
    return energy_j + pace * loads_j(index, at_s, to_s);
}

static double board_w(int index, double at_s) {
    const struct device *device = &state->devices[index];
    double loads_w = 0, pace = 1;
    EACH_SLOT(slot)
        if (slot->device == index) loads_w += slot_w(slot, at_s);
    for (int64_t i = 0, count = pace_count(device); i < count && device->paces[i][0] <= at_s; i++)
        pace = device->paces[i][1];
    return device->idle_w + pace * loads_w;
}

/* Power in mW as of the last update: instantaneous, or a mean over the `average_s` before it. */
static unsigned power_mw(int index, double at_s, double average_s) {
    double to_s = updated_s(at_s, state->devices[index].power_period_s);
    double power_w = average_s > 0 ? board_j(index, to_s - average_s, to_s) / average_s
                                   : board_w(index, to_s);
    return (unsigned)lround(1000 * power_w);
}

static uint64_t counter_mj(int index, double at_s) {
    const struct device *device = &state->devices[index];
    double to_s = updated_s(at_s, device->counter_period_s);
    double energy_j = fmax(board_j(index, device->counter_from_s, to_s), 0);
    return device->counter_base_mj + (uint64_t)(1000 * energy_j);
}
