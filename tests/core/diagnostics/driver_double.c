/* A driver that answers what the environment says, for machines without one: NVML and libcuda in one file. */
#include <stdlib.h>
#include <string.h>

struct memory { unsigned long long total, free, used; };

static int number(const char *name) { const char *text = getenv(name); return text ? atoi(text) : 0; }

int nvmlInit_v2(void) { return number("DOUBLE_NVML"); }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned int length) {
    strncpy(text, getenv("DOUBLE_DRIVER"), length);
    return 0;
}
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = number("DOUBLE_GPUS"); return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle) { *handle = (void *)(long)(index + 1); return 0; }
int nvmlDeviceGetName(void *handle, char *text, unsigned int length) {
    strncpy(text, (long)handle == 1 ? "First" : "Second", length);
    return 0;
}
int nvmlDeviceGetMemoryInfo(void *handle, struct memory *memory) {
    memory->total = (unsigned long long)(long)handle * 24ull << 30;
    return 0;
}
int cuDriverGetVersion(int *version) { *version = number("DOUBLE_CUDA"); return 0; }
int cuInit(unsigned int flags) { return flags ? 1 : number("DOUBLE_STATUS"); }
int cuGetErrorName(int status, const char **name) {
    if (status == 999) return 1;
    *name = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH";
    return 0;
}
