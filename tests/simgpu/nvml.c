/* A simulated GPU behind NVML's C interface: libnvidia-ml.so.1 for tests.
 *
 * model.h has the machine, simgpu.py what can be set. Structures, numbers and return codes are
 * those of NVIDIA's nvml.h as its Python binding (nvidia-ml-py 13.590.48) uses them. Where NVIDIA
 * says nothing of MIG and MPS: an instance has a profile, memory and processes and nothing else, and
 * its memory is its share of the board's by the gigabytes of the two names; under MPS the
 * clients are in the MPS list, and the compute list and utilisation samples know the server alone.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <strings.h>

#include "model.h"

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NO_PERMISSION = 4,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9,
    TIMEOUT = 10,
    FUNCTION_NOT_FOUND = 13,
    GPU_IS_LOST = 15,
    VERSION_MISMATCH = 25,
    UNKNOWN = 999,
};
enum { FIELD_ENERGY = 83, FIELD_AVERAGE = 185, FIELD_INSTANT = 186 };
enum { TYPE_UINT = 1, TYPE_ULL = 3 };

#define SAMPLE_US 20000ULL       /* between two power samples */
#define UTILISATION_US 166667ULL /* between two utilisation samples: 1/6 s */
#define UTILISATION_BUFFER_US 10000000ULL
#define NOT_AVAILABLE UINT64_MAX
#define NO_INSTANCE UINT32_MAX
#define MIB (1ULL << 20)
#define VISIBLE __attribute__((visibility("default")))

typedef int nvmlReturn_t;
typedef struct handle *nvmlDevice_t;

struct handle {
    int index, mig; /* mig: -1 for the whole device */
};

static int users; /* nvmlInit less nvmlShutdown */
static struct handle handles[DEVICES][1 + MIGS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- what stands before every call ------------------------------------------------------- */

/* The result that a function or field was told to give, SUCCESS if none. */
static nvmlReturn_t told(const char *name, int index) {
    for (const struct failure *failure = state->failures; failure < state->failures + FAILURES;
         failure++) {
        if (!failure->result || (failure->device >= 0 && failure->device != index)) continue;
        if (!strcmp(failure->name, name) || (index >= 0 && !strcmp(failure->name, "*")))
            return failure->result;
    }
    return SUCCESS;
}

/* The same for a function as it is called for a whole device, not for an instance of it. */
static nvmlReturn_t told_of_device(const char *function, int index) {
    char name[sizeof state->failures->name];
    snprintf(name, sizeof name, "device %s", function);
    return told(name, index);
}

static int is_handle(nvmlDevice_t device) {
    for (int index = 0; index < DEVICES; index++)
        for (int part = 0; part <= MIGS; part++)
            if (device == &handles[index][part]) return 1;
    return 0;
}

static nvmlReturn_t enter_system(const char *function) {
    if (!__atomic_load_n(&users, __ATOMIC_SEQ_CST)) return UNINITIALIZED;
    return told(function, -1);
}

static nvmlReturn_t enter(const char *function, nvmlDevice_t handle) {
    nvmlReturn_t result = enter_system(function);
    if (result) return result;
    if (!is_handle(handle)) return INVALID_ARGUMENT;
    struct device *device = &state->devices[handle->index];
    __atomic_fetch_add(&device->calls, 1, __ATOMIC_SEQ_CST);
    if (device->calls_left == 0) return GPU_IS_LOST;
    if (device->calls_left > 0) __atomic_fetch_sub(&device->calls_left, 1, __ATOMIC_SEQ_CST);
    look();
    result = handle->mig < 0 ? told_of_device(function, handle->index) : SUCCESS;
    return result ? result : told(function, handle->index);
}

#define ENTER_SYSTEM()                                  \
    do {                                                \
        nvmlReturn_t entered = enter_system(__func__);  \
        if (entered) return entered;                    \
    } while (0)
#define ENTER(device)                                   \
    do {                                                \
        nvmlReturn_t entered = enter(__func__, device); \
        if (entered) return entered;                    \
    } while (0)
/* Enter a function that a MIG instance does not have. */
#define ENTER_BOARD(device)                             \
    do {                                                \
        ENTER(device);                                  \
        if ((device)->mig >= 0) return NOT_SUPPORTED;   \
    } while (0)

static struct device *board(nvmlDevice_t device) { return &state->devices[device->index]; }

static nvmlReturn_t put_text(char *to, unsigned size, const char *text) {
    if (strlen(text) >= size) return INSUFFICIENT_SIZE;
    strcpy(to, text);
    return SUCCESS;
}

static nvmlReturn_t put(unsigned *to, unsigned value) {
    *to = value;
    return SUCCESS;
}

#include "settings.h"

/* ---- the library and its devices --------------------------------------------------------- */

static nvmlReturn_t begin(const char *function) {
    pthread_mutex_lock(&mutex);
    nvmlReturn_t result = state || open_state() == 0 ? SUCCESS : UNKNOWN;
    for (int index = 0; index < DEVICES; index++)
        for (int part = 0; part <= MIGS; part++)
            handles[index][part] = (struct handle){index, part - 1};
    if (!result) result = told(function, -1);
    if (!result && !users) come_as_client();
    if (!result) users++;
    pthread_mutex_unlock(&mutex);
    return result;
}

VISIBLE nvmlReturn_t nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    return begin(__func__);
}

VISIBLE nvmlReturn_t nvmlInit_v2(void) { return begin(__func__); }

VISIBLE nvmlReturn_t nvmlShutdown(void) {
    pthread_mutex_lock(&mutex);
    nvmlReturn_t result = users ? SUCCESS : UNINITIALIZED;
    if (users && !--users) leave_as_client();
    pthread_mutex_unlock(&mutex);
    return result;
}

VISIBLE const char *nvmlErrorString(nvmlReturn_t result) {
    switch (result) {
    case SUCCESS: return "success";
    case UNINITIALIZED: return "not initialised";
    case INVALID_ARGUMENT: return "invalid argument";
    case NOT_SUPPORTED: return "not supported";
    case NO_PERMISSION: return "no permission";
    case NOT_FOUND: return "not found";
    case INSUFFICIENT_SIZE: return "insufficient size";
    case DRIVER_NOT_LOADED: return "driver not loaded";
    case TIMEOUT: return "timeout";
    case FUNCTION_NOT_FOUND: return "function not found";
    case GPU_IS_LOST: return "GPU is lost";
    case VERSION_MISMATCH: return "version mismatch";
    default: return "unknown error";
    }
}

VISIBLE nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned size) {
    ENTER_SYSTEM();
    return put_text(version, size, state->driver);
}

VISIBLE nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned size) {
    ENTER_SYSTEM();
    return put_text(version, size, state->nvml_version);
}

VISIBLE nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count) {
    ENTER_SYSTEM();
    return put(count, state->device_count);
}

VISIBLE nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device) {
    ENTER_SYSTEM();
    if (index >= state->device_count) return INVALID_ARGUMENT;
    *device = &handles[index][0];
    return enter(__func__, *device);
}

static void uuid_of(nvmlDevice_t device, char text[96]) {
    const char *uuid = board(device)->uuid;
    if (device->mig < 0)
        snprintf(text, 96, "%s", uuid);
    else /* "MIG-" and the same but for its last digit */
        snprintf(text, 96, "MIG-%.*s%d", (int)strlen(uuid) - 5, uuid + 4, device->mig);
}

static void bus_of(nvmlDevice_t device, char text[32]) {
    snprintf(text, 32, "00000000:%02X:00.0", 1 + device->index);
}

VISIBLE nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
    ENTER_SYSTEM();
    for (unsigned index = 0; index < state->device_count; index++)
        for (int part = 0; part <= MIGS; part++) {
            char text[96];
            if (part && !profile_of(&state->devices[index], part - 1, text)) break;
            uuid_of(&handles[index][part], text);
            if (strcmp(text, uuid)) continue;
            *device = &handles[index][part];
            return enter(__func__, *device);
        }
    return NOT_FOUND;
}

VISIBLE nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus, nvmlDevice_t *device) {
    ENTER_SYSTEM();
    for (unsigned index = 0; index < state->device_count; index++) {
        char text[32];
        bus_of(&handles[index][0], text);
        if (strcasecmp(text, bus)) continue;
        *device = &handles[index][0];
        return enter(__func__, *device);
    }
    return NOT_FOUND;
}

VISIBLE nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned size) {
    ENTER(device);
    char text[96];
    uuid_of(device, text);
    return put_text(uuid, size, text);
}

VISIBLE nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned size) {
    ENTER(device);
    char text[160], profile[32];
    int is_instance = profile_of(board(device), device->mig, profile);
    snprintf(text, sizeof text, is_instance ? "%s MIG %s" : "%s", board(device)->name, profile);
    return put_text(name, size, text);
}

/* The index of a MIG handle is the one within its device. */
VISIBLE nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index) {
    ENTER(device);
    return put(index, (unsigned)(device->mig < 0 ? device->index : device->mig));
}

VISIBLE nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *number) {
    ENTER_BOARD(device);
    return put(number, (unsigned)device->index);
}

struct pci {
    char bus_legacy[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
};

VISIBLE nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, struct pci *pci) {
    ENTER(device);
    *pci = (struct pci){.bus = 1 + (unsigned)device->index, .device_id = 0x233010de};
    bus_of(device, pci->bus_id);
    return put_text(pci->bus_legacy, sizeof pci->bus_legacy, pci->bus_id + 4);
}

VISIBLE nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, unsigned *mode) {
    ENTER_BOARD(device);
    return put(mode, (unsigned)board(device)->compute_mode);
}

VISIBLE nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned *mode) {
    ENTER_BOARD(device);
    return put(mode, board(device)->persistence != 0);
}

/* ---- MIG --------------------------------------------------------------------------------- */

VISIBLE nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *now, unsigned *next) {
    ENTER_BOARD(device);
    *now = *next = board(device)->mig != 0;
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *count) {
    ENTER_BOARD(device);
    return put(count, 7);
}

VISIBLE nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index,
                                                         nvmlDevice_t *instance) {
    ENTER_BOARD(device);
    if (index >= 7) return INVALID_ARGUMENT;
    char profile[32];
    if (!profile_of(board(device), (int)index, profile)) return NOT_FOUND;
    *instance = &handles[device->index][1 + index];
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t instance,
                                                                  nvmlDevice_t *device) {
    ENTER(instance);
    if (instance->mig < 0) return INVALID_ARGUMENT;
    *device = &handles[instance->index][0];
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned *answer) {
    ENTER(device);
    return put(answer, device->mig >= 0);
}

VISIBLE nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned *id) {
    ENTER(device);
    return device->mig < 0 ? NOT_SUPPORTED : put(id, 1 + (unsigned)device->mig);
}

VISIBLE nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned *id) {
    ENTER(device);
    return device->mig < 0 ? NOT_SUPPORTED : put(id, 0);
}

/* ---- power and energy -------------------------------------------------------------------- */

VISIBLE nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts) {
    ENTER_BOARD(device);
    return put(milliwatts, power_mw(device->index, now_s(), board(device)->usage_average_s));
}

VISIBLE nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device,
                                                         uint64_t *millijoules) {
    ENTER_BOARD(device);
    *millijoules = counter_mj(device->index, now_s());
    return SUCCESS;
}

union value {
    double real;
    unsigned number;
    uint64_t large;
};

struct field {
    uint32_t field, scope;
    int64_t timestamp_us, latency_us;
    int type;
    nvmlReturn_t result;
    union value value;
};

static nvmlReturn_t read_field(nvmlDevice_t device, struct field *field, double at_s) {
    char name[32];
    snprintf(name, sizeof name, "field %u", field->field);
    nvmlReturn_t result = told(name, device->index);
    if (result) return result;
    if (device->mig >= 0 || field->scope != 0) return NOT_SUPPORTED;
    field->type = TYPE_UINT;
    switch (field->field) {
    case FIELD_ENERGY:
        field->type = TYPE_ULL;
        field->value.large = counter_mj(device->index, at_s);
        return SUCCESS;
    case FIELD_AVERAGE:
        field->value.number = power_mw(device->index, at_s, board(device)->average_s);
        return SUCCESS;
    case FIELD_INSTANT: field->value.number = power_mw(device->index, at_s, 0); return SUCCESS;
    default: return NOT_SUPPORTED;
    }
}

/* All values of one call are of one moment. */
VISIBLE nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count,
                                              struct field *fields) {
    ENTER(device);
    double at_s = now_s();
    int64_t at_us = (int64_t)now_us();
    for (int i = 0; i < count; i++) {
        fields[i].value.large = 0;
        fields[i].timestamp_us = at_us;
        fields[i].latency_us = 0;
        fields[i].result = read_field(device, &fields[i], at_s);
    }
    return SUCCESS;
}

struct sample {
    uint64_t timestamp_us;
    union value value;
};

/* Samples lie on a grid of the wall clock, so that two calls name the same ones. */
VISIBLE nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, int kind, uint64_t last_us,
                                          int *type, unsigned *count, struct sample *samples) {
    ENTER_BOARD(device);
    if (kind != 0) return NOT_SUPPORTED; /* only total power */
    double now = now_s();
    uint64_t at_us = now_us(), newest_us = at_us / SAMPLE_US * SAMPLE_US;
    unsigned size = (unsigned)lround(1e6 * board(device)->sample_buffer_s / SAMPLE_US), filled = 0;
    *type = TYPE_UINT;
    if (!samples) return put(count, size);
    for (unsigned back = size; back-- > 0;) {
        uint64_t time_us = newest_us - back * SAMPLE_US;
        if (time_us <= last_us) continue;
        if (filled == *count) return INSUFFICIENT_SIZE;
        double sampled_s = now - 1e-6 * (double)(at_us - time_us);
        samples[filled].timestamp_us = time_us;
        samples[filled].value.large = 0;
        samples[filled++].value.number = power_mw(device->index, sampled_s, 0);
    }
    *count = filled;
    return filled ? SUCCESS : NOT_FOUND;
}

VISIBLE nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *milliwatts) {
    ENTER_BOARD(device);
    return put(milliwatts, (unsigned)lround(1000 * board(device)->power_limit_w));
}

VISIBLE nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned *milliwatts) {
    ENTER_BOARD(device);
    return put(milliwatts, (unsigned)lround(1000 * board(device)->power_limit_w));
}

/* ---- temperature, clocks, utilisation, memory -------------------------------------------- */

static int temperature_c(int index) {
    const struct device *device = &state->devices[index];
    double at_s = now_s(), mean_w = board_j(index, at_s - 20, at_s) / 20;
    return (int)lround(device->idle_c + device->c_per_w * (mean_w - device->idle_w));
}

VISIBLE nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *celsius) {
    ENTER_BOARD(device);
    if (sensor != 0) return INVALID_ARGUMENT;
    return put(celsius, (unsigned)temperature_c(device->index));
}

struct temperature {
    unsigned version;
    int sensor, celsius;
};

VISIBLE nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, struct temperature *reading) {
    ENTER_BOARD(device);
    if (reading->version != (1 << 24 | sizeof *reading)) return VERSION_MISMATCH;
    if (reading->sensor != 0) return INVALID_ARGUMENT;
    reading->celsius = temperature_c(device->index);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned clock, unsigned *mhz) {
    ENTER_BOARD(device);
    if (clock > 3) return INVALID_ARGUMENT;
    return put(mhz, clock == 2 ? memory_mhz(board(device)) : sm_mhz(board(device)));
}

static nvmlReturn_t event_reasons(nvmlDevice_t device, uint64_t *reasons) {
    double at_s = now_s();
    *reasons = board(device)->event_reasons | 1; /* idle, unless something lives */
    EACH_SLOT(slot)
        if (slot->device == device->index && lives(slot, at_s))
            *reasons = board(device)->event_reasons;
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device,
                                                            uint64_t *reasons) {
    ENTER_BOARD(device);
    return event_reasons(device, reasons);
}

VISIBLE nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device,
                                                               uint64_t *reasons) {
    ENTER_BOARD(device);
    return event_reasons(device, reasons);
}

struct violation {
    uint64_t reference_us, held_ns;
};

/* For how long a policy held the clocks down: power is 0, heat 1, NVIDIA has eight more. */
VISIBLE nvmlReturn_t nvmlDeviceGetViolationStatus(nvmlDevice_t device, int policy,
                                                  struct violation *violation) {
    ENTER_BOARD(device);
    if (policy < 0 || policy > 11) return INVALID_ARGUMENT;
    double shares[2] = {board(device)->held_by_power, board(device)->held_by_heat};
    double share = policy < 2 ? shares[policy] : 0;
    *violation = (struct violation){now_us(), (uint64_t)(1e9 * share * now_s())};
    return SUCCESS;
}

struct utilisation {
    unsigned sm, memory;
};

/* The mean over the last second; memory is busy for half of that. */
VISIBLE nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, struct utilisation *rates) {
    ENTER_BOARD(device);
    if (board(device)->mig) return NOT_SUPPORTED;
    double to_s = now_s(), sum = 0;
    EACH_SLOT(slot) {
        if (slot->device == device->index) sum += slot->sm_percent * running_s(slot, to_s - 1, to_s);
    }
    rates->sm = (unsigned)lround(fmin(sum, 100));
    rates->memory = rates->sm / 2;
    return SUCCESS;
}

static int is_on(const struct slot *slot, nvmlDevice_t device) {
    return slot->device == device->index && (device->mig < 0 || slot->mig == device->mig);
}

static uint64_t used_bytes(nvmlDevice_t device) {
    double at_s = now_s(), mib = 0;
    EACH_SLOT(slot)
        if (is_on(slot, device) && lives(slot, at_s)) mib += slot->memory_mib;
    return (uint64_t)(mib * (double)MIB);
}

struct memory {
    uint64_t total, free, used;
};

struct memory_v2 {
    unsigned version;
    uint64_t total, reserved, free, used;
};

static struct memory_v2 memory_of(nvmlDevice_t device) {
    char profile[32];
    double total_mib = board(device)->memory_total_mib, share = 1;
    if (profile_of(board(device), device->mig, profile))
        share = profile_gb(profile) / round(total_mib / 1024);
    struct memory_v2 memory = {.total = (uint64_t)(share * total_mib) * MIB,
                               .reserved = (uint64_t)(share * board(device)->memory_reserved_mib) * MIB,
                               .used = used_bytes(device)};
    memory.free = memory.total - memory.reserved - memory.used;
    return memory;
}

/* The first version counts what is reserved as used. */
VISIBLE nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, struct memory *memory) {
    ENTER(device);
    struct memory_v2 found = memory_of(device);
    *memory = (struct memory){found.total, found.free, found.used + found.reserved};
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, struct memory_v2 *memory) {
    ENTER(device);
    unsigned version = memory->version;
    if (version != (2 << 24 | sizeof *memory)) return VERSION_MISMATCH;
    *memory = memory_of(device);
    memory->version = version;
    return SUCCESS;
}

struct attributes {
    unsigned multiprocessors, copy_engines, decoders, encoders, jpeg, ofa;
    unsigned gpu_slices, compute_slices;
    uint64_t memory_mib;
};

/* Put the slices of compute into two numbers: those of the GPU instance and of the compute one. */
static void slices_of(const char *profile, unsigned *gpu, unsigned *compute) {
    const char *first = strchr(profile, '.');
    *gpu = *compute = (unsigned)strtoul(profile, NULL, 10);
    if (profile[strspn(profile, "0123456789")] == 'c' && first)
        *gpu = (unsigned)strtoul(first + 1, NULL, 10);
}

VISIBLE nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, struct attributes *found) {
    ENTER(device);
    char profile[32];
    if (!profile_of(board(device), device->mig, profile)) return NOT_SUPPORTED;
    *found = (struct attributes){.copy_engines = 1, .memory_mib = memory_of(device).total / MIB};
    slices_of(profile, &found->gpu_slices, &found->compute_slices);
    found->multiprocessors = 16 * found->compute_slices;
    return SUCCESS;
}

/* ---- processes --------------------------------------------------------------------------- */

struct process {
    unsigned pid;
    uint64_t memory;
    unsigned gpu_instance, compute_instance;
};

static unsigned shown_pid(nvmlDevice_t device, int pid) {
    return (unsigned)(pid + board(device)->pid_offset);
}

static void add_process(nvmlDevice_t device, int pid, double mib, int mig, unsigned room,
                        unsigned *count, struct process *list) {
    if (list && *count < room) {
        int known = board(device)->processes != WITHOUT_MEMORY;
        list[*count] = (struct process){
            .pid = shown_pid(device, pid),
            .memory = known ? (uint64_t)(mib * (double)MIB) : NOT_AVAILABLE,
            .gpu_instance = mig < 0 ? NO_INSTANCE : 1 + (unsigned)mig,
            .compute_instance = mig < 0 ? NO_INSTANCE : 0,
        };
    }
    *count += 1;
}

/* The pid of the MPS server whose client a load is; 0 for all others. */
static int server_of(const struct slot *slot) {
    int of_board = state->devices[slot->device].mps_pid;
    return slot->kind != COMPUTE ? 0 : slot->mps_server ? slot->mps_server : of_board;
}

/* List the MPS servers of a board. */
static void add_servers(nvmlDevice_t device, unsigned room, unsigned *count, struct process *list) {
    int of_board = board(device)->mps_pid;
    if (of_board) add_process(device, of_board, SERVER_MIB, -1, room, count, list);
    EACH_SERVER(server)
        if (!server->ended && server->boards & 1u << device->index)
            add_process(device, server->pid, SERVER_MIB, -1, room, count, list);
}

/* List the live loads of a kind: the clients of MPS servers, or the others with the servers. */
static nvmlReturn_t list_processes(nvmlDevice_t device, int kind, int clients, unsigned *count,
                                   struct process *list) {
    unsigned room = *count;
    double at_s = now_s();
    *count = 0;
    if (board(device)->processes == LISTS_HIDDEN) return SUCCESS;
    if (kind == COMPUTE && !clients) add_servers(device, room, count, list);
    EACH_SLOT(slot)
        if (slot->kind == kind && !server_of(slot) == !clients && is_on(slot, device) &&
            lives(slot, at_s))
            add_process(device, slot->pid, slot->memory_mib, slot->mig, room, count, list);
    return *count > (list ? room : 0) ? INSUFFICIENT_SIZE : SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count,
                                                             struct process *list) {
    ENTER(device);
    return list_processes(device, COMPUTE, 0, count, list);
}

VISIBLE nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device,
                                                                unsigned *count,
                                                                struct process *list) {
    ENTER(device);
    return list_processes(device, COMPUTE, 1, count, list);
}

VISIBLE nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned *count,
                                                              struct process *list) {
    ENTER(device);
    return list_processes(device, GRAPHICS, 0, count, list);
}

struct process_sample {
    unsigned pid;
    uint64_t timestamp_us;
    unsigned sm, memory, encoder, decoder;
};

static void add_sample(nvmlDevice_t device, int pid, uint64_t time_us, int sm, unsigned room,
                       unsigned *count, struct process_sample *list) {
    unsigned shown = shown_pid(device, pid);
    unsigned have = list && *count < room ? *count : list ? room : 0;
    for (unsigned i = 0; i < have; i++)
        if (list[i].pid == shown) { /* another load of the same process, or client of the server */
            list[i].sm = (unsigned)fmin(list[i].sm + (unsigned)sm, 100);
            list[i].memory = list[i].sm / 2;
            if (time_us > list[i].timestamp_us) list[i].timestamp_us = time_us;
            return;
        }
    if (list && *count < room)
        list[*count] = (struct process_sample){
            .pid = shown, .timestamp_us = time_us, .sm = (unsigned)sm, .memory = (unsigned)sm / 2};
    *count += 1;
}

/* One sample a process that was busy since `last_us`, also if it has ended: its mean utilisation
 * while it lived, stamped with the end of the last sample period in which it did. */
VISIBLE nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device,
                                                     struct process_sample *list,
                                                     unsigned *count, uint64_t last_us) {
    ENTER_BOARD(device);
    if (board(device)->mig) return NOT_SUPPORTED;
    unsigned room = *count;
    double now = now_s();
    uint64_t at_us = now_us(), newest_us = at_us / UTILISATION_US * UTILISATION_US;
    uint64_t oldest_us = at_us - UTILISATION_BUFFER_US;
    *count = 0;
    EACH_SLOT(slot) {
        int hidden = slot->kind == HIDDEN || board(device)->processes == LISTS_HIDDEN;
        if (slot->device != device->index || hidden || slot->start_s > now) continue;
        if (slot->held && !slot->pid) continue; /* it ended before anybody saw it */
        uint64_t start_us = at_us - (uint64_t)(1e6 * (now - slot->start_s));
        uint64_t ago_us = (uint64_t)(1e6 * fmax(now - end_s(slot), 0));
        uint64_t time_us = (at_us - ago_us + UTILISATION_US - 1) / UTILISATION_US * UTILISATION_US;
        if (time_us > newest_us) time_us = newest_us;
        if (start_us >= time_us || time_us <= last_us || time_us <= oldest_us) continue;
        double to_s = fmin(now - 1e-6 * (double)(at_us - time_us), end_s(slot));
        double last_s = now - 1e-6 * (double)(at_us - (last_us > oldest_us ? last_us : oldest_us));
        int sm = sm_percent(slot, fmax(slot->start_s, last_s), to_s);
        if (slot->sm_percent && !sm) continue; /* it was stopped all the time */
        int server = server_of(slot);
        add_sample(device, server ? server : slot->pid, time_us, sm, room, count, list);
    }
    if (!*count) return NOT_FOUND;
    return list && *count <= room ? SUCCESS : INSUFFICIENT_SIZE;
}

/* ---- what describes a board -------------------------------------------------------------- */

enum { PCIE_GENERATION = 5, PCIE_WIDTH = 16 };

VISIBLE nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) {
    ENTER_SYSTEM();
    *version = 13010;
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device,
                                                              unsigned *milliwatts) {
    ENTER_BOARD(device);
    return put(milliwatts, (unsigned)lround(1000 * board(device)->power_default_w));
}

VISIBLE nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device,
                                                                  unsigned *least, unsigned *most) {
    ENTER_BOARD(device);
    *least = (unsigned)lround(1000 * board(device)->power_least_w);
    return put(most, (unsigned)lround(1000 * board(device)->power_default_w));
}

VISIBLE nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, unsigned clock, unsigned *mhz) {
    ENTER_BOARD(device);
    if (clock > 3) return INVALID_ARGUMENT;
    return put(mhz, clock == 2 ? MEMORY_CLOCKS[0] : SM_MOST_MHZ);
}

VISIBLE nvmlReturn_t nvmlDeviceGetApplicationsClock(nvmlDevice_t device, unsigned clock,
                                                    unsigned *mhz) {
    ENTER_BOARD(device);
    if (clock > 3) return INVALID_ARGUMENT;
    unsigned set = clock == 2 ? board(device)->memory_application_mhz
                              : board(device)->sm_application_mhz;
    return put(mhz, set ? set : clock == 2 ? MEMORY_CLOCKS[0] : SM_APPLICATION_MHZ);
}

VISIBLE nvmlReturn_t nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t device, unsigned *value) {
    ENTER_BOARD(device);
    return put(value, PCIE_GENERATION);
}

VISIBLE nvmlReturn_t nvmlDeviceGetMaxPcieLinkGeneration(nvmlDevice_t device, unsigned *value) {
    ENTER_BOARD(device);
    return put(value, PCIE_GENERATION);
}

VISIBLE nvmlReturn_t nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t device, unsigned *value) {
    ENTER_BOARD(device);
    return put(value, PCIE_WIDTH);
}

VISIBLE nvmlReturn_t nvmlDeviceGetMaxPcieLinkWidth(nvmlDevice_t device, unsigned *value) {
    ENTER_BOARD(device);
    return put(value, PCIE_WIDTH);
}

VISIBLE nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, unsigned *now, unsigned *next) {
    ENTER_BOARD(device);
    *now = *next = 1;
    return SUCCESS;
}

/* ---- faults of a board ------------------------------------------------------------------- */

VISIBLE nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, unsigned kind, unsigned since,
                                                 uint64_t *count) {
    ENTER_BOARD(device);
    if (kind > 1 || since > 1) return INVALID_ARGUMENT;
    *count = kind ? board(device)->ecc_uncorrected : board(device)->ecc_corrected;
    return SUCCESS;
}

enum { XID_EVENT = 8 };

struct event_set {
    int registered[DEVICES];
    uint64_t seen[DEVICES];
};

struct event {
    nvmlDevice_t device;
    uint64_t type, data;
    unsigned gpu_instance, compute_instance;
};

VISIBLE nvmlReturn_t nvmlEventSetCreate(struct event_set **set) {
    ENTER_SYSTEM();
    *set = calloc(1, sizeof **set);
    return *set ? SUCCESS : UNKNOWN;
}

VISIBLE nvmlReturn_t nvmlEventSetFree(struct event_set *set) {
    ENTER_SYSTEM();
    free(set);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, uint64_t types,
                                              struct event_set *set) {
    ENTER_BOARD(device);
    if (types != XID_EVENT) return NOT_SUPPORTED;
    set->registered[device->index] = 1;
    set->seen[device->index] = board(device)->xid_count;
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlEventSetWait_v2(struct event_set *set, struct event *event,
                                         unsigned timeout_ms) {
    ENTER_SYSTEM();
    for (int index = 0; index < DEVICES; index++) {
        struct device *device = &state->devices[index];
        if (!set->registered[index] || set->seen[index] == device->xid_count) continue;
        *event = (struct event){.device = &handles[index][0], .type = XID_EVENT};
        event->data = device->xids[set->seen[index]++ % XIDS];
        event->gpu_instance = event->compute_instance = NO_INSTANCE;
        return SUCCESS;
    }
    usleep(1000 * timeout_ms);
    return TIMEOUT;
}

#include "gpm.h"
