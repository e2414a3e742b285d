/*
 * A Vulkan layer under which Dawn opens a device on RADV's null winsys and compiles pipelines there.
 *
 * With RADV_FORCE_FAMILY and no GPU, RADV compiles for a named AMD GPU and executes nothing: it has no command streams and no
 * memory, and crashes where they are used. Here recording, submitting and waiting do nothing, and mapped memory is the heap's.
 * Each compute pipeline is created with its statistics and listing, and both are written with its SPIR-V to
 * $HALFSTEP_LISTINGS/<n>.stats, <n>.asm and <n>.spv, where n counts pipelines from 0. The .asm comes last.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>
#include <vulkan/vk_layer.h>

/* One set for all instances and devices: a process opens one device, and this is the only layer in the chain. */
static PFN_vkGetInstanceProcAddr next_instance_proc;
static PFN_vkGetDeviceProcAddr next_device_proc;
static VkInstance current_instance;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What a handle stands for: the SPIR-V of a shader module, or the size and the mapped bytes of memory. */
struct entry {
  uint64_t handle;
  size_t size;
  void *bytes;
  struct entry *next;
};
static struct entry *modules, *memories;

static void add_entry(struct entry **list, uint64_t handle, size_t size, void *bytes) {
  struct entry *entry = malloc(sizeof *entry);
  pthread_mutex_lock(&lock);
  *entry = (struct entry){handle, size, bytes, *list};
  *list = entry;
  pthread_mutex_unlock(&lock);
}

/* The newest, because a driver may give a handle out again. */
static struct entry *find_entry(struct entry *list, uint64_t handle) {
  while (list && list->handle != handle) list = list->next;
  return list;
}

static void *next_device(VkDevice device, const char *name) {
  return (void *)next_device_proc(device, name);
}

static VkLayerInstanceCreateInfo *instance_link(const void *chain) {
  VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)chain;
  while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO))
    link = (VkLayerInstanceCreateInfo *)link->pNext;
  return link;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator, VkInstance *instance) {
  VkLayerInstanceCreateInfo *link = instance_link(info->pNext);
  if (!link) return VK_ERROR_INITIALIZATION_FAILED;
  next_instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  PFN_vkCreateInstance create = (PFN_vkCreateInstance)next_instance_proc(NULL, "vkCreateInstance");
  VkResult result = create(info, allocator, instance);
  if (result == VK_SUCCESS) current_instance = *instance;
  return result;
}

/* With the extension by which a driver shows what it compiled. */
static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator, VkDevice *device) {
  VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)info->pNext;
  while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO))
    link = (VkLayerDeviceCreateInfo *)link->pNext;
  if (!link) return VK_ERROR_INITIALIZATION_FAILED;
  PFN_vkGetInstanceProcAddr instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  next_device_proc = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  PFN_vkCreateDevice create = (PFN_vkCreateDevice)instance_proc(current_instance, "vkCreateDevice");

  uint32_t count = info->enabledExtensionCount;
  const char **extensions = calloc(count + 1, sizeof *extensions);
  for (uint32_t i = 0; i < count; i++) extensions[i] = info->ppEnabledExtensionNames[i];
  extensions[count] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR shown = {
    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, (void *)info->pNext, VK_TRUE};
  VkDeviceCreateInfo more = *info;
  more.pNext = &shown;
  more.enabledExtensionCount = count + 1;
  more.ppEnabledExtensionNames = extensions;
  VkResult result = create(physical, &more, allocator, device);
  free(extensions);
  return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_shader_module(VkDevice device, const VkShaderModuleCreateInfo *info,
                                                           const VkAllocationCallbacks *allocator, VkShaderModule *module) {
  PFN_vkCreateShaderModule create = next_device(device, "vkCreateShaderModule");
  VkResult result = create(device, info, allocator, module);
  if (result != VK_SUCCESS) return result;
  void *code = malloc(info->codeSize);
  memcpy(code, info->pCode, info->codeSize);
  add_entry(&modules, (uint64_t)*module, info->codeSize, code);
  return result;
}

static void write_file(const char *folder, int number, const char *ending, const void *bytes, size_t size) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%d.%s", folder, number, ending);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) {
    perror(path);
    exit(1);
  }
}

/* A compute pipeline has one executable. */
static void write_statistics(VkDevice device, VkPipeline pipeline, const char *folder, int number) {
  PFN_vkGetPipelineExecutablePropertiesKHR get_properties = next_device(device, "vkGetPipelineExecutablePropertiesKHR");
  PFN_vkGetPipelineExecutableStatisticsKHR get = next_device(device, "vkGetPipelineExecutableStatisticsKHR");
  VkPipelineInfoKHR of = {VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, NULL, pipeline};
  VkPipelineExecutablePropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
  uint32_t one = 1, count = 0;
  get_properties(device, &of, &one, &properties);

  VkPipelineExecutableInfoKHR executable = {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, NULL, pipeline, 0};
  get(device, &executable, &count, NULL);
  VkPipelineExecutableStatisticKHR *all = calloc(count, sizeof *all);
  for (uint32_t i = 0; i < count; i++) all[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
  get(device, &executable, &count, all);
  char text[16384];
  int end = snprintf(text, sizeof text, "Subgroup size: %u\n", properties.subgroupSize);
  for (uint32_t i = 0; i < count; i++) {
    if (all[i].format == VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR)
      end += snprintf(text + end, sizeof text - end, "%s: %llu\n", all[i].name, (unsigned long long)all[i].value.u64);
  }
  free(all);
  write_file(folder, number, "stats", text, end);
}

static void write_listing(VkDevice device, VkPipeline pipeline, const char *folder, int number) {
  PFN_vkGetPipelineExecutableInternalRepresentationsKHR get =
    next_device(device, "vkGetPipelineExecutableInternalRepresentationsKHR");
  VkPipelineExecutableInfoKHR executable = {VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, NULL, pipeline, 0};
  uint32_t count = 0;
  get(device, &executable, &count, NULL);
  VkPipelineExecutableInternalRepresentationKHR *all = calloc(count, sizeof *all);
  for (uint32_t i = 0; i < count; i++) all[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR;
  get(device, &executable, &count, all); /* sizes */
  for (uint32_t i = 0; i < count; i++) all[i].pData = calloc(1, all[i].dataSize + 1);
  get(device, &executable, &count, all);
  for (uint32_t i = 0; i < count; i++) {
    if (strstr(all[i].name, "ssembly")) write_file(folder, number, "asm", all[i].pData, strlen(all[i].pData));
    free(all[i].pData);
  }
  free(all);
}

static void write_spirv(const VkPipelineShaderStageCreateInfo *stage, const char *folder, int number) {
  for (const VkBaseInStructure *next = stage->pNext; next; next = next->pNext) {
    if (next->sType != VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO) continue;
    const VkShaderModuleCreateInfo *module = (const VkShaderModuleCreateInfo *)next;
    write_file(folder, number, "spv", module->pCode, module->codeSize);
    return;
  }
  struct entry *module = find_entry(modules, (uint64_t)stage->module);
  if (module) write_file(folder, number, "spv", module->bytes, module->size);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_compute_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                               const VkComputePipelineCreateInfo *infos,
                                                               const VkAllocationCallbacks *allocator, VkPipeline *pipelines) {
  static int number;
  (void)cache; /* what comes from a cache has no listing */
  PFN_vkCreateComputePipelines create = next_device(device, "vkCreateComputePipelines");
  const char *folder = getenv("HALFSTEP_LISTINGS");
  for (uint32_t i = 0; i < count; i++) {
    VkComputePipelineCreateInfo info = infos[i];
    info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR | VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
    VkResult result = create(device, VK_NULL_HANDLE, 1, &info, allocator, &pipelines[i]);
    if (result != VK_SUCCESS) return result;
    if (!folder) continue;
    pthread_mutex_lock(&lock);
    write_spirv(&info.stage, folder, number);
    write_statistics(device, pipelines[i], folder, number);
    write_listing(device, pipelines[i], folder, number);
    number += 1;
    pthread_mutex_unlock(&lock);
  }
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo *info,
                                                      const VkAllocationCallbacks *allocator, VkDeviceMemory *memory) {
  PFN_vkAllocateMemory allocate = next_device(device, "vkAllocateMemory");
  VkResult result = allocate(device, info, allocator, memory);
  if (result == VK_SUCCESS) add_entry(&memories, (uint64_t)*memory, info->allocationSize, NULL);
  return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL map_memory(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset,
                                                 VkDeviceSize size, VkMemoryMapFlags flags, void **mapped) {
  (void)device, (void)size, (void)flags;
  pthread_mutex_lock(&lock);
  struct entry *entry = find_entry(memories, (uint64_t)memory);
  if (entry && !entry->bytes) entry->bytes = calloc(1, entry->size);
  pthread_mutex_unlock(&lock);
  if (!entry || !entry->bytes) return VK_ERROR_MEMORY_MAP_FAILED;
  *mapped = (char *)entry->bytes + offset;
  return VK_SUCCESS;
}

/* Stands for functions of any signature: callers of the platforms' ABIs clean their own arguments up. 0 is VK_SUCCESS. */
static VKAPI_ATTR int64_t VKAPI_CALL do_nothing(void) { return 0; }

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc(VkDevice device, const char *name);

static const struct {
  const char *name;
  PFN_vkVoidFunction function;
} REPLACED[] = {
  {"vkGetDeviceProcAddr", (PFN_vkVoidFunction)get_device_proc},
  {"vkCreateShaderModule", (PFN_vkVoidFunction)create_shader_module},
  {"vkCreateComputePipelines", (PFN_vkVoidFunction)create_compute_pipelines},
  {"vkAllocateMemory", (PFN_vkVoidFunction)allocate_memory},
  {"vkMapMemory", (PFN_vkVoidFunction)map_memory},
  {"vkUnmapMemory", (PFN_vkVoidFunction)do_nothing},
  {"vkFlushMappedMemoryRanges", (PFN_vkVoidFunction)do_nothing},
  {"vkInvalidateMappedMemoryRanges", (PFN_vkVoidFunction)do_nothing},
  {"vkBeginCommandBuffer", (PFN_vkVoidFunction)do_nothing},
  {"vkEndCommandBuffer", (PFN_vkVoidFunction)do_nothing},
  {"vkResetCommandBuffer", (PFN_vkVoidFunction)do_nothing},
  {"vkResetCommandPool", (PFN_vkVoidFunction)do_nothing},
  {"vkQueueSubmit", (PFN_vkVoidFunction)do_nothing},
  {"vkQueueSubmit2", (PFN_vkVoidFunction)do_nothing},
  {"vkQueueSubmit2KHR", (PFN_vkVoidFunction)do_nothing},
  {"vkQueueWaitIdle", (PFN_vkVoidFunction)do_nothing},
  {"vkDeviceWaitIdle", (PFN_vkVoidFunction)do_nothing},
  {"vkWaitForFences", (PFN_vkVoidFunction)do_nothing},
  {"vkGetFenceStatus", (PFN_vkVoidFunction)do_nothing},
  {"vkResetFences", (PFN_vkVoidFunction)do_nothing},
};

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc(VkDevice device, const char *name) {
  for (size_t i = 0; i < sizeof REPLACED / sizeof *REPLACED; i++)
    if (!strcmp(name, REPLACED[i].name)) return REPLACED[i].function;
  if (!strncmp(name, "vkCmd", 5)) return (PFN_vkVoidFunction)do_nothing;
  return next_device_proc(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_proc(VkInstance instance, const char *name) {
  if (!strcmp(name, "vkGetInstanceProcAddr")) return (PFN_vkVoidFunction)get_instance_proc;
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (PFN_vkVoidFunction)get_device_proc;
  if (!strcmp(name, "vkCreateInstance")) return (PFN_vkVoidFunction)create_instance;
  if (!strcmp(name, "vkCreateDevice")) return (PFN_vkVoidFunction)create_device;
  return next_instance_proc ? next_instance_proc(instance, name) : NULL;
}

__attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *negotiation) {
  if (negotiation->loaderLayerInterfaceVersion < 2) return VK_ERROR_INITIALIZATION_FAILED;
  negotiation->loaderLayerInterfaceVersion = 2;
  negotiation->pfnGetInstanceProcAddr = get_instance_proc;
  negotiation->pfnGetDeviceProcAddr = get_device_proc;
  negotiation->pfnGetPhysicalDeviceProcAddr = NULL;
  return VK_SUCCESS;
}
