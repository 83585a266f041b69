# zoo-compress in a container, for the CPU or, with FLAVOUR=gpu, for NVIDIA GPUs.
#
#   docker build --tag zoo-compress .
#   docker build --tag zoo-compress:gpu --build-arg FLAVOUR=gpu .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" --volume zoo-cache:/cache \
#     zoo-compress run model.onnx --budget 0.25 --data synthetic
#
# A package index of your own: --secret id=pip,src=pip.conf. It stays out of the image.

ARG FLAVOUR=cpu
# Both need Python 3.11 or later; pin them further with a digest.
ARG CPU_BASE=python:3.11.14-slim-bookworm
# The smallest of NVIDIA's: it has the driver checked. The [gpu] extra brings the libraries.
ARG GPU_BASE=nvidia/cuda:13.0.1-base-ubuntu24.04

FROM ${CPU_BASE} AS base-cpu

FROM ${GPU_BASE} AS base-gpu
# The versions are those of the pinned base's release, which gets security fixes only.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

# hadolint ignore=DL3006
FROM base-${FLAVOUR} AS base

# What zoo-compress needs, by itself, so that a change of its sources installs nothing anew.
FROM base AS packages
ARG FLAVOUR
# Where the CPU flavour finds torch without CUDA; the GPU one sums distances with torch on the GPU.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
RUN python3 -m venv /opt/installer && python3 -m venv --without-pip /opt/zoo-compress
COPY pyproject.toml constraints.txt ./
RUN python3 -c "import sys, tomllib; \
      project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
      extra = project['optional-dependencies'][sys.argv[1]]; \
      print(*project['dependencies'], *extra, sep='\n')" "${FLAVOUR}" > requirements.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    if [ "${FLAVOUR}" != cpu ]; then TORCH_INDEX=; fi \
    && /opt/installer/bin/pip --python /opt/zoo-compress/bin/python install --no-cache-dir \
      ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} \
      --constraint constraints.txt --requirement requirements.txt
RUN if [ "${FLAVOUR}" = cpu ] && ls -d /opt/zoo-compress/lib/python3*/site-packages/nvidia*; then \
      echo "torch came with CUDA: name an index with its CPU build as TORCH_INDEX" >&2; exit 1; \
    fi

FROM packages AS tool
# .dockerignore lets in what the package is made of, and nothing else.
COPY . .
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    /opt/installer/bin/pip --python /opt/zoo-compress/bin/python install --no-cache-dir \
      --no-deps --prefix /opt/tool .

FROM base
# Writable for every user, for `docker run --user`.
RUN useradd --create-home --uid 10001 zoo \
    && install --directory --mode=1777 /cache /work
COPY --from=packages /opt/zoo-compress /opt/zoo-compress
COPY --from=tool /opt/tool /opt/zoo-compress
ENV PATH=/opt/zoo-compress/bin:${PATH} \
    HF_HOME=/cache/huggingface \
    XDG_CACHE_HOME=/cache \
    ZOO_COMPRESS_CACHE=/cache/zoo-compress \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
VOLUME /cache
USER 10001
WORKDIR /work
ENTRYPOINT ["zoo-compress"]
CMD ["--help"]
