/** What is missing, by words of the reason for which a provider cannot be used, and what to do; the first that fits counts. */
const missingParts: readonly (readonly [reason: RegExp, advice: string])[] = [
  [
    /libonnxruntime_providers_\w+\.so is not installed/,
    'With an NVIDIA card, fetch the libraries of CUDA and TensorRT: npm run setup:cuda',
  ],
  [/libcuda\.so|driver/i, "Install NVIDIA's driver for CUDA 12; nvidia-smi must list the card"],
  [/libcudnn/, 'Install cuDNN 9 for CUDA 12 from NVIDIA, where the system looks for libraries'],
  [/libnvinfer|libnvonnxparser/, 'Install TensorRT 10 from NVIDIA, where the system looks for libraries'],
  [
    /lib(?:cudart|cublas|cublasLt|cufft|curand|nvrtc|nvJitLink)\b/,
    'Install CUDA 12 from NVIDIA, where the system looks for libraries (ldconfig, or LD_LIBRARY_PATH)',
  ],
  [/no CUDA-capable device|invalid device ordinal/i, 'See which cards there are: nvidia-smi'],
];

const providerParts: Readonly<Record<string, string>> = {
  cuda: 'With an NVIDIA card and Linux on x64: npm run setup:cuda, then CUDA 12 and cuDNN 9 from NVIDIA',
  tensorrt:
    'With an NVIDIA card and Linux on x64: npm run setup:cuda, then CUDA 12, cuDNN 9 and TensorRT 10 from NVIDIA',
  webgpu: 'It needs a graphics card with a Vulkan, Metal or Direct3D 12 driver',
  coreml: 'It needs macOS',
  dml: 'It needs Windows and a graphics card with a Direct3D 12 driver',
};

/** What to do about a provider that cannot be used, or undefined. */
export const providerAdvice = (name: string, reason: string): string | undefined =>
  missingParts.find(([pattern]) => pattern.test(reason))?.[1] ?? providerParts[name];
