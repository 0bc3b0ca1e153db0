/* NVML's GPM: samples of cumulative counters, and what two of them say of the time between.
 *
 * A counter is the sum over the loads of what each does while it runs, times the time. NVIDIA asks
 * for at least 100 ms between two samples: values of closer ones are noise here.
 */
enum { GPM_METRICS = 210, GPM_VERSION = 1, GPM_LEAST_MS = 100 };

/* Numbers of the metrics, in the order of simgpu_state.py. */
static const unsigned gpm_ids[GPM] = {2, 3, 5, 10, 11, 12, 13, 20, 21, 60, 61};

struct gpm_sample {
    double at_s, sums[GPM];
    int index, mig;
};

struct gpm_metric {
    unsigned id;
    nvmlReturn_t result;
    double value;
    char *names[3];
};

struct gpm_metrics {
    unsigned version, count;
    struct gpm_sample *before, *after;
    struct gpm_metric metrics[GPM_METRICS];
};

struct gpm_support {
    unsigned version, is_supported;
};

VISIBLE nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, struct gpm_support *support) {
    ENTER(device);
    if (support->version != GPM_VERSION) return VERSION_MISMATCH;
    support->is_supported = !told("gpm", device->index);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlGpmSampleAlloc(struct gpm_sample **sample) {
    *sample = calloc(1, sizeof **sample);
    return *sample ? SUCCESS : UNKNOWN;
}

VISIBLE nvmlReturn_t nvmlGpmSampleFree(struct gpm_sample *sample) {
    free(sample);
    return SUCCESS;
}

static nvmlReturn_t take_sample(nvmlDevice_t device, int mig, struct gpm_sample *sample) {
    if (told("gpm", device->index)) return NOT_SUPPORTED;
    *sample = (struct gpm_sample){.at_s = now_s(), .index = device->index, .mig = mig};
    EACH_SLOT(slot) {
        if (slot->device != device->index || (mig >= 0 && slot->mig != mig)) continue;
        for (int i = 0; i < GPM; i++)
            sample->sums[i] += slot->gpm[i] * running_s(slot, 0, sample->at_s);
    }
    double wraps_at = board(device)->gpm_wraps_at;
    for (int i = 0; i < GPM && wraps_at > 0; i++) sample->sums[i] = fmod(sample->sums[i], wraps_at);
    return SUCCESS;
}

VISIBLE nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, struct gpm_sample *sample) {
    ENTER_BOARD(device);
    return take_sample(device, -1, sample);
}

VISIBLE nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t device, unsigned instance,
                                         struct gpm_sample *sample) {
    ENTER_BOARD(device);
    char profile[32];
    if (!profile_of(board(device), (int)instance - 1, profile)) return NOT_FOUND;
    return take_sample(device, (int)instance - 1, sample);
}

static void read_metric(const struct gpm_metrics *all, struct gpm_metric *metric) {
    const struct gpm_sample *before = all->before, *after = all->after;
    const struct device *device = &state->devices[after->index];
    double length_s = after->at_s - before->at_s;
    metric->result = NOT_SUPPORTED;
    metric->value = 0;
    for (int i = 0; i < GPM; i++) {
        if (gpm_ids[i] != metric->id || device->gpm_missing >> i & 1) continue;
        metric->result = SUCCESS;
        metric->value = (after->sums[i] - before->sums[i]) / length_s;
        if (length_s < 1e-3 * GPM_LEAST_MS) metric->value = NAN;
        if (device->gpm_disturbed) metric->value = i % 2 ? NAN : 1e6;
    }
}

VISIBLE nvmlReturn_t nvmlGpmMetricsGet(struct gpm_metrics *all) {
    ENTER_SYSTEM();
    if (all->version != GPM_VERSION) return VERSION_MISMATCH;
    if (!all->before || !all->after || all->count > GPM_METRICS) return INVALID_ARGUMENT;
    for (unsigned i = 0; i < all->count; i++) read_metric(all, &all->metrics[i]);
    return SUCCESS;
}
