/* What NVML sets: power limit and clocks, by root, and what becomes of them.
 *
 * Root is effective user 0; SIMGPU_UID stands in for that user, so that tests that run as root can
 * play others. The clocks are those of an H100: a lock, application clocks and the power limit each
 * lower them, whichever is lowest counts. Nobody can read a lock, as with the real NVML.
 */
enum { SM_LEAST_MHZ = 345, SM_MOST_MHZ = 1980, SM_STEP_MHZ = 15, SM_APPLICATION_MHZ = 1755 };
static const unsigned MEMORY_CLOCKS[] = {2619, 1593};
enum { MEMORY_CLOCK_COUNT = sizeof MEMORY_CLOCKS / sizeof *MEMORY_CLOCKS };
enum { CLIENTS_BYTE = 4 }; /* of the state's file: whoever has NVML open shares a lock on it */

static unsigned least_of(unsigned mhz, unsigned limit) { return limit && limit < mhz ? limit : mhz; }

static unsigned sm_mhz(const struct device *device) {
    unsigned mhz = device->sm_clock_mhz;
    unsigned by_power = (unsigned)floor(mhz * device->power_limit_w / device->power_default_w);
    mhz = least_of(least_of(mhz, device->sm_locked_mhz), device->sm_application_mhz);
    return by_power < mhz ? by_power : mhz;
}

static unsigned memory_mhz(const struct device *device) {
    return least_of(least_of(device->memory_clock_mhz, device->memory_locked_mhz),
                    device->memory_application_mhz);
}

/* Remember from when on the limits lower the power of loads, and by what factor. */
static void note_pace(struct device *device) {
    int64_t count = device->pace_count;
    double pace = device->sm_clock_mhz ? (double)sm_mhz(device) / device->sm_clock_mhz : 1;
    if (count == PACES || pace == (count ? device->paces[count - 1][1] : 1)) return;
    double from_s = now_s() + 0.002; /* so that nobody has counted on anything else */
    device->paces[count][0] = from_s;
    device->paces[count][1] = pace;
    __atomic_store_n(&device->pace_count, count + 1, __ATOMIC_RELEASE);
    while (now_s() < from_s) usleep(200);
}

/* ---- clients, since a driver without persistence mode forgets when the last has gone ------ */

static int lock_clients(short type, int command) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = CLIENTS_BYTE, .l_len = 1};
    return fcntl(state_file, command, &lock);
}

static int has_load(int index) {
    double at_s = now_s();
    EACH_SLOT(slot)
        if (slot->device == index && lives(slot, at_s)) return 1;
    return 0;
}

/* The next client sees what the last one's end has done. */
static void come_as_client(void) {
    if (lock_clients(F_WRLCK, F_SETLK) == 0) {
        look();
        for (int index = 0; index < DEVICES; index++) {
            struct device *device = &state->devices[index];
            if (device->persistence || has_load(index)) continue;
            device->power_limit_w = device->power_default_w;
            device->sm_locked_mhz = device->memory_locked_mhz = 0;
            device->sm_application_mhz = device->memory_application_mhz = 0;
            note_pace(device);
        }
    }
    lock_clients(F_RDLCK, F_SETLKW);
}

static void leave_as_client(void) { lock_clients(F_UNLCK, F_SETLK); }

/* ---- the setters ------------------------------------------------------------------------- */

static int is_root(void) {
    const char *played = getenv("SIMGPU_UID");
    return played && *played ? !strcmp(played, "0") : geteuid() == 0;
}

#define ENTER_AS_ROOT(device)                   \
    do {                                        \
        ENTER_BOARD(device);                    \
        if (!is_root()) return NO_PERMISSION;   \
    } while (0)
#define SET(device, limit, value)                          \
    do {                                                   \
        if (board(device)->ignores_settings) break;        \
        board(device)->limit = (value);                    \
        note_pace(board(device));                          \
    } while (0)

static nvmlReturn_t limit_power(nvmlDevice_t device, unsigned milliwatts) {
    double watts = milliwatts / 1000.0;
    if (watts < board(device)->power_least_w || watts > board(device)->power_default_w)
        return INVALID_ARGUMENT;
    SET(device, power_limit_w, watts);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, unsigned milliwatts) {
    ENTER_AS_ROOT(device);
    return limit_power(device, milliwatts);
}

struct power_value {
    unsigned version, scope, milliwatts;
};

VISIBLE nvmlReturn_t nvmlDeviceSetPowerManagementLimit_v2(nvmlDevice_t device,
                                                          struct power_value *value) {
    ENTER_AS_ROOT(device);
    if (value->version != (2 << 24 | sizeof *value)) return VERSION_MISMATCH;
    return value->scope ? NOT_SUPPORTED : limit_power(device, value->milliwatts);
}

VISIBLE nvmlReturn_t nvmlDeviceSetGpuLockedClocks(nvmlDevice_t device, unsigned least,
                                                  unsigned most) {
    ENTER_AS_ROOT(device);
    if (least > most || most < SM_LEAST_MHZ) return INVALID_ARGUMENT;
    SET(device, sm_locked_mhz, most);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceResetGpuLockedClocks(nvmlDevice_t device) {
    ENTER_AS_ROOT(device);
    SET(device, sm_locked_mhz, 0);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceSetMemoryLockedClocks(nvmlDevice_t device, unsigned least,
                                                     unsigned most) {
    ENTER_AS_ROOT(device);
    if (least > most || most < MEMORY_CLOCKS[MEMORY_CLOCK_COUNT - 1]) return INVALID_ARGUMENT;
    SET(device, memory_locked_mhz, most);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceResetMemoryLockedClocks(nvmlDevice_t device) {
    ENTER_AS_ROOT(device);
    SET(device, memory_locked_mhz, 0);
    return SUCCESS;
}

static int is_memory_clock(unsigned mhz) {
    for (int i = 0; i < MEMORY_CLOCK_COUNT; i++)
        if (MEMORY_CLOCKS[i] == mhz) return 1;
    return 0;
}

static int is_sm_clock(unsigned mhz) {
    return mhz >= SM_LEAST_MHZ && mhz <= SM_MOST_MHZ && (mhz - SM_LEAST_MHZ) % SM_STEP_MHZ == 0;
}

VISIBLE nvmlReturn_t nvmlDeviceSetApplicationsClocks(nvmlDevice_t device, unsigned memory,
                                                     unsigned sm) {
    ENTER_AS_ROOT(device);
    if (!is_memory_clock(memory) || !is_sm_clock(sm)) return INVALID_ARGUMENT;
    SET(device, memory_application_mhz, memory);
    SET(device, sm_application_mhz, sm);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceResetApplicationsClocks(nvmlDevice_t device) {
    ENTER_AS_ROOT(device);
    SET(device, memory_application_mhz, 0);
    SET(device, sm_application_mhz, 0);
    return SUCCESS;
}

/* ---- which clocks there are -------------------------------------------------------------- */

VISIBLE nvmlReturn_t nvmlDeviceGetDefaultApplicationsClock(nvmlDevice_t device, unsigned clock,
                                                           unsigned *mhz) {
    ENTER_BOARD(device);
    if (clock > 3) return INVALID_ARGUMENT;
    return put(mhz, clock == 2 ? MEMORY_CLOCKS[0] : SM_APPLICATION_MHZ);
}

VISIBLE nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(nvmlDevice_t device, unsigned *count,
                                                        unsigned *clocks) {
    ENTER_BOARD(device);
    unsigned room = *count;
    *count = MEMORY_CLOCK_COUNT;
    if (!clocks || room < *count) return INSUFFICIENT_SIZE;
    memcpy(clocks, MEMORY_CLOCKS, sizeof MEMORY_CLOCKS);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(nvmlDevice_t device, unsigned memory,
                                                          unsigned *count, unsigned *clocks) {
    ENTER_BOARD(device);
    unsigned room = *count;
    if (!is_memory_clock(memory)) return NOT_FOUND;
    *count = 1 + (SM_MOST_MHZ - SM_LEAST_MHZ) / SM_STEP_MHZ;
    if (!clocks || room < *count) return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < *count; i++) clocks[i] = SM_MOST_MHZ - i * SM_STEP_MHZ;
    return SUCCESS;
}
