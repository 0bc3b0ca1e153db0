/* libcuda.so.1 of the simulated machine: a process can hold bare contexts by it, and no more.
 *
 * A context is a load of CONTEXT_W without activity, or of SIMGPU_CONTEXT_W watts, that holds
 * CONTEXT_MIB. Functions fail as SimGpu.fail says: by their names, for all devices or for one.
 */
#define _GNU_SOURCE
#pragma GCC diagnostic ignored "-Wunused-function"
#include "model.h"

#define CONTEXT_W 40.0
#define CONTEXT_MIB 300.0
#define LEAD_S 0.005
#define API __attribute__((visibility("default")))

enum { SUCCESS, INVALID_VALUE, OUT_OF_MEMORY, NOT_INITIALIZED };
enum { UNAVAILABLE = 46, NO_DEVICE = 100, INVALID_DEVICE };
enum { EXCLUSIVE_THREAD = 1, PROHIBITED, EXCLUSIVE_PROCESS };
enum { MOST = DEVICES * MIGS };

static struct place {
    int device, mig;
    struct slot *context;
} places[MOST];
static int place_count = -1;

/* What `fail` has a function do on a device; -1: as it is called for none. */
static int told(const char *name, int device) {
    for (const struct failure *each = state->failures; each < state->failures + FAILURES; each++)
        if (each->result && !strcmp(each->name, name) && (each->device < 0 || each->device == device))
            return each->result;
    return SUCCESS;
}

static int lock(const void *part, int kind, int how) {
    struct flock lock = {.l_type = (short)kind, .l_whence = SEEK_SET, .l_len = 1};
    lock.l_start = (const char *)part - (const char *)state;
    return fcntl(state_file, how, &lock);
}

static void sleep_until(double at_s) {
    while (now_s() < at_s) usleep(500);
}

/* Tell whether a word of CUDA_VISIBLE_DEVICES means a board, or an instance of it. */
static int means(const char *word, size_t length, int device, int mig) {
    const char *uuid = state->devices[device].uuid;
    char number[16], name[128];
    snprintf(number, sizeof number, "%d", device);
    if (mig < 0) snprintf(name, sizeof name, "%s", uuid);
    else snprintf(name, sizeof name, "MIG-%.*s%d", (int)strlen(uuid) - 5, uuid + 4, mig);
    if (!length) return 0;
    if (mig <= 0 && strlen(number) == length && !strncmp(word, number, length)) return 1;
    return length > 4 && strlen(name) >= length && !strncmp(word, name, length);
}

/* Add the first place that a word means, or, of NULL, every place; 0 if there is none. */
static int add_places(const char *word, size_t length) {
    int before = place_count;
    for (int device = 0; device < (int)state->device_count; device++) {
        int has_instances = state->devices[device].mig;
        char profile[32];
        for (int mig = has_instances ? 0 : -1; mig < MIGS && place_count < MOST; mig++) {
            if (mig >= 0 && !profile_of(&state->devices[device], mig, profile)) break;
            if (!word || means(word, length, device, mig)) {
                places[place_count++] = (struct place){device, mig, NULL};
                if (word) return 1;
            }
            if (!has_instances) break;
        }
    }
    return place_count > before;
}

static void find_places(void) {
    const char *word = getenv("CUDA_VISIBLE_DEVICES");
    place_count = 0;
    if (!word) add_places(NULL, 0);
    while (word) {
        size_t length = strcspn(word, ",");
        if (!add_places(word, length)) break; /* CUDA goes no further than a word it cannot read */
        word = word[length] ? word + length + 1 : NULL;
    }
}

static int is_taken(int device) {
    EACH_SLOT(slot)
        if (slot->device == device && lives(slot, now_s())) return 1;
    return 0;
}

/* Take the next slot for a context, and wait until its start has come. */
static struct slot *claim(const struct place *place) {
    const char *watts = getenv("SIMGPU_CONTEXT_W");
    lock(state, F_WRLCK, F_SETLKW);
    struct slot *slot = state->slots;
    while (slot->used) slot++;
    memset(slot, 0, sizeof *slot);
    slot->held = 1;
    slot->device = place->device;
    slot->mig = place->mig;
    slot->memory_mib = CONTEXT_MIB;
    slot->watts = watts ? strtod(watts, NULL) : CONTEXT_W;
    slot->shared_watts = -1;
    lock(slot, F_WRLCK, F_SETLK);
    while (!slot->used) {
        slot->start_s = now_s() + LEAD_S;
        slot->used = 1;
        if (now_s() >= slot->start_s) slot->used = 0; /* too slow: somebody may have looked */
    }
    lock(state, F_UNLCK, F_SETLK);
    sleep_until(slot->start_s);
    return slot;
}

/* ---- the driver API ------------------------------------------------------------------------ */

API int cuInit(unsigned flags) {
    if (flags) return INVALID_VALUE;
    if (!state && open_state()) return NO_DEVICE;
    int result = told("cuInit", -1);
    if (result) return result;
    if (place_count < 0) {
        look(); /* not later: to this process its own locks do not show */
        find_places();
    }
    return place_count ? SUCCESS : NO_DEVICE;
}

API int cuGetErrorName(int error, const char **name) {
    switch (error) {
    case SUCCESS: *name = "CUDA_SUCCESS"; break;
    case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case NOT_INITIALIZED: *name = "CUDA_ERROR_NOT_INITIALIZED"; break;
    case UNAVAILABLE: *name = "CUDA_ERROR_DEVICE_UNAVAILABLE"; break;
    case NO_DEVICE: *name = "CUDA_ERROR_NO_DEVICE"; break;
    case INVALID_DEVICE: *name = "CUDA_ERROR_INVALID_DEVICE"; break;
    default: *name = NULL; return INVALID_VALUE;
    }
    return SUCCESS;
}

API int cuDeviceGetCount(int *count) {
    if (place_count < 0) return NOT_INITIALIZED;
    *count = place_count;
    return SUCCESS;
}

API int cuDeviceGet(int *device, int number) {
    if (place_count < 0) return NOT_INITIALIZED;
    if (number < 0 || number >= place_count) return INVALID_DEVICE;
    *device = number;
    return told("cuDeviceGet", places[number].device);
}

API int cuDevicePrimaryCtxRetain(void **context, int number) {
    if (place_count < 0) return NOT_INITIALIZED;
    if (number < 0 || number >= place_count) return INVALID_DEVICE;
    struct place *place = &places[number];
    int result = told(__func__, place->device), mode = state->devices[place->device].compute_mode;
    if (result) return result;
    int is_exclusive = mode == EXCLUSIVE_THREAD || mode == EXCLUSIVE_PROCESS;
    if (mode == PROHIBITED || (!place->context && is_exclusive && is_taken(place->device)))
        return UNAVAILABLE;
    if (!place->context) place->context = claim(place);
    *context = place->context;
    return SUCCESS;
}

/* How often it was retained is not counted: nobody here retains it twice. */
API int cuDevicePrimaryCtxRelease_v2(int number) {
    if (place_count < 0) return NOT_INITIALIZED;
    if (number < 0 || number >= place_count) return INVALID_DEVICE;
    int result = told(__func__, places[number].device);
    if (result) return result;
    struct slot *slot = places[number].context;
    if (slot && !(slot->end_s > 0)) slot->end_s = now_s() + LEAD_S;
    if (slot) sleep_until(slot->end_s);
    places[number].context = NULL;
    return SUCCESS;
}
