/* A stand-in for nvidia-smi on the simulated GPU: nvidia-smi --query-gpu=power.draw
 * --format=csv,noheader,nounits, and nothing else.
 *
 * Prints watts, a line a GPU: the board's one-second average (field 185), as the real one does on
 * Ampere and newer; without that field nvmlDeviceGetPowerUsage, as on older boards. It is small:
 * the real one loads and starts the driver's whole library, and so takes more CPU and more time.
 *
 * Exit codes: 0; 2 usage; 9 no driver.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SUCCESS = 0, FIELD_AVERAGE = 185, NO_DRIVER = 9 };

typedef struct handle *nvmlDevice_t;

struct field {
    uint32_t field, scope;
    int64_t timestamp_us, latency_us;
    int type, result;
    union {
        double real;
        unsigned number;
        uint64_t large;
    } value;
};

int nvmlInit_v2(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device);
int nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, struct field *fields);
int nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts);

static int power_mw(nvmlDevice_t device, unsigned *milliwatts) {
    struct field field = {.field = FIELD_AVERAGE};
    int result = nvmlDeviceGetFieldValues(device, 1, &field);
    if (result || field.result) return nvmlDeviceGetPowerUsage(device, milliwatts);
    *milliwatts = field.value.number;
    return SUCCESS;
}

int main(int count, char **words) {
    unsigned gpus = 0, milliwatts;
    nvmlDevice_t device;
    if (count != 3 || strcmp(words[1], "--query-gpu=power.draw") ||
        strcmp(words[2], "--format=csv,noheader,nounits")) {
        fprintf(stderr, "nvidia-smi: this stand-in knows one query only\n");
        return 2;
    }
    if (nvmlInit_v2() || nvmlDeviceGetCount_v2(&gpus)) return NO_DRIVER;
    for (unsigned index = 0; index < gpus; index++)
        if (nvmlDeviceGetHandleByIndex_v2(index, &device) || power_mw(device, &milliwatts))
            puts("[N/A]");
        else
            printf("%.2f\n", milliwatts / 1000.0);
    return 0;
}
