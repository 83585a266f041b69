# zoo-compress in a container.
#
#   docker build -t zoo-compress .
#   docker build -t zoo-compress:gpu --build-arg FLAVOUR=gpu .
#   docker run --rm -v "$PWD:/work" zoo-compress run model.onnx --budget 0.25 --data synthetic
#
# BASE needs Python 3.11 or later with venv. The gpu flavour brings CUDA and cuDNN as Python
# packages, so that it needs nothing of the host but a driver: docker run --gpus all ...

ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ARG FLAVOUR=cpu
# An index with a torch without CUDA, for a smaller cpu image; empty takes the default index's.
ARG TORCH_INDEX=
WORKDIR /src
RUN python3 -m venv /opt/zoo-compress
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY zoo_compress zoo_compress
COPY recipes recipes
COPY model_cards model_cards
RUN case "${FLAVOUR}" in \
      cpu) index="${TORCH_INDEX:+--extra-index-url ${TORCH_INDEX}}" ;; \
      gpu) index="" ;; \
      *) echo "FLAVOUR is '${FLAVOUR}'; allowed are cpu and gpu" >&2; exit 2 ;; \
    esac \
    && /opt/zoo-compress/bin/pip install --no-cache-dir ${index} -c constraints.txt ".[${FLAVOUR}]"

FROM ${BASE}
RUN useradd --create-home --uid 1000 zoo && install --directory --owner=zoo /work
COPY --from=build /opt/zoo-compress /opt/zoo-compress
ENV PATH=/opt/zoo-compress/bin:${PATH} \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER zoo
WORKDIR /work
ENTRYPOINT ["zoo-compress"]
